/** Messages between the app's supervisor and the engine's process: start, windows, model hosts, dialogs, quitting. */
import { StudioError } from '../contract/errors.ts'
import type { Job } from '../contract/job.ts'
import type { LogEntry } from '../contract/log-entry.ts'
import type { ModelDownload } from '../contract/models.ts'
import type { MenuCommand } from '../contract/shell.ts'
import type { FromHost } from '../model-host/messages/methods.ts'
import type { HostProcess } from './models/host-client.ts'

export interface StartOptions {
  cacheDirectory: string
  dataDirectory: string
  resourcesDirectory: string
}

/** What the app sends; 'window' and 'host' come with a port. */
export type ToEngine =
  | { kind: 'start'; options: StartOptions }
  | { kind: 'window' }
  | { kind: 'host'; host: number }
  | { kind: 'host-exit'; host: number; reason: string }
  | { kind: 'answer'; question: number; output: unknown }
  | { kind: 'question-failed'; question: number; message: string }
  | { kind: 'menu'; command: MenuCommand }
  | { kind: 'open'; directory: string }
  | { kind: 'ask-alive' }
  | { kind: 'quit' }

/** What the app needs of a job for its progress bar, its question before quitting and its notifications: no titles, as those name data. */
export type JobState = Pick<Job, 'id' | 'kind' | 'state' | 'done' | 'total'>

/** The same of a download that runs or waits for its turn. */
export type DownloadState = Pick<ModelDownload, 'done' | 'total'>

export type ShellQuestion = { method: string; input: unknown }

export type ToSupervisor =
  | { kind: 'launch-host'; host: number }
  | { kind: 'kill-host'; host: number }
  | { kind: 'question'; question: number; ask: ShellQuestion }
  | { kind: 'log'; entry: LogEntry }
  | { kind: 'job'; job: JobState }
  | { kind: 'downloads'; downloads: DownloadState[] }
  | { kind: 'alive' }
  | { kind: 'closed' }

interface Host {
  port: Electron.MessagePortMain | null
  unsent: unknown[]
  onMessage: (message: FromHost) => void
  onExit: ((reason: string) => void)[]
}

export interface Supervisor {
  onStart(handle: (options: StartOptions) => void): void
  onWindow(handle: (port: Electron.MessagePortMain) => void): void
  onMenu(handle: (command: MenuCommand) => void): void
  tellJob(job: JobState): void
  /** All of the queue, whatever their states. */
  tellDownloads(downloads: ModelDownload[]): void
  /** A project was asked for from outside of the window. */
  onOpen(open: (directory: string) => void): void
  /** The supervisor waits until `close` is through, within reason. */
  onQuit(close: () => Promise<void>): void
  ask(question: ShellQuestion): Promise<unknown>
  log(entry: LogEntry): void
  launchHost(): HostProcess
}

export function connectSupervisor(parent: Electron.ParentPort): Supervisor {
  const hosts = new Map<number, Host>()
  const questions = new Map<number, { resolve(output: unknown): void; reject(error: Error): void }>()
  let next = 1
  let start: (options: StartOptions) => void = () => {}
  let window: (port: Electron.MessagePortMain) => void = () => {}
  let menu: (command: MenuCommand) => void = () => {}
  let open: (directory: string) => void = () => {}
  let quit: () => Promise<void> = () => Promise.resolve()
  const send = (message: ToSupervisor): void => parent.postMessage(message)

  parent.on('message', ({ data, ports: [port] }) => {
    const message = data as ToEngine
    if (message.kind === 'start') start(message.options)
    else if (message.kind === 'window' && port !== undefined) window(port)
    else if (message.kind === 'host' && port !== undefined) connectHost(hosts.get(message.host), port)
    else if (message.kind === 'host-exit') {
      const host = hosts.get(message.host)
      hosts.delete(message.host)
      for (const handle of host?.onExit ?? []) handle(message.reason)
    } else if (message.kind === 'answer') questions.get(message.question)?.resolve(message.output)
    else if (message.kind === 'question-failed') questions.get(message.question)?.reject(new StudioError('internal', message.message))
    else if (message.kind === 'menu') menu(message.command)
    else if (message.kind === 'open') open(message.directory)
    else if (message.kind === 'ask-alive') send({ kind: 'alive' })
    else if (message.kind === 'quit') void quit().finally(() => send({ kind: 'closed' }))
  })

  return {
    onStart: (handle) => (start = handle),
    onWindow: (handle) => (window = handle),
    onMenu: (handle) => (menu = handle),
    tellJob: ({ id, kind, state, done, total }) => send({ kind: 'job', job: { id, kind, state, done, total } }),
    tellDownloads: (all) => {
      const underWay = all.filter(({ state }) => state === 'running' || state === 'waiting')
      send({ kind: 'downloads', downloads: underWay.map(({ done, total }) => ({ done, total })) })
    },
    onOpen: (handle) => (open = handle),
    onQuit: (close) => (quit = close),
    ask: (ask) =>
      new Promise((resolve, reject) => {
        const question = next++
        questions.set(question, { resolve, reject })
        send({ kind: 'question', question, ask })
      }),
    log: (entry) => send({ kind: 'log', entry }),
    launchHost: () => {
      const id = next++
      const host: Host = { port: null, unsent: [], onMessage: () => {}, onExit: [] }
      hosts.set(id, host)
      send({ kind: 'launch-host', host: id })
      return {
        send: (message) => {
          if (host.port === null) host.unsent.push(message)
          else host.port.postMessage(message)
        },
        onMessage: (handle) => (host.onMessage = handle),
        onExit: (handle) => void host.onExit.push(handle),
        kill: () => {
          hosts.delete(id)
          send({ kind: 'kill-host', host: id })
        }
      }
    }
  }
}

function connectHost(host: Host | undefined, port: Electron.MessagePortMain): void {
  if (host === undefined) return
  host.port = port
  port.on('message', ({ data }) => host.onMessage(data as FromHost))
  port.start()
  for (const message of host.unsent.splice(0)) port.postMessage(message)
}
