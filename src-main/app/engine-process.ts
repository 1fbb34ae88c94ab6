/**
 * Supervises the engine's process. An engine that dies is started again, with a growing pause and at most three times in a
 * row; then the window stays, says why, and offers to start it again. One that does not answer is ended only when the person
 * wishes so: a check of a large project takes its time. The page gets a new port to each engine.
 */
import { app, BrowserWindow, MessageChannelMain, shell, utilityProcess, type UtilityProcess } from 'electron'
import { join } from 'node:path'
import type { EngineState } from '../contract/supervision.ts'
import type { MenuCommand } from '../contract/shell.ts'
import { cacheDirectory, dataDirectory } from '../engine/directories.ts'
import { endWithUs } from '../engine/end-with-us.ts'
import { describeUtilityExit, memoryKills, withMemory } from '../engine/models/exit-reason.ts'
import type { ShellQuestion, ToEngine, ToSupervisor } from '../engine/supervisor-port.ts'
import { Answers } from './answers.ts'
import { answerQuestion } from './dialogs.ts'
import { HostProcesses, killAtOnce } from './host-processes.ts'
import { answerKeychain, isKeychainQuestion } from './keychain.ts'
import type { Log } from './log.ts'
import { openPagePort, type PagePort } from './page-port.ts'
import { RunningJobs } from './running-jobs.ts'

const maxDeaths = 3
const calmMs = 60_000 // an engine that lived so long starts with a clean record
const firstPauseMs = 500
const quitMs = 10_000

export class EngineProcess {
  ended = false
  readonly jobs = new RunningJobs()
  readonly #log: Log
  readonly #hosts: HostProcesses
  /** null while there is none */
  #process: UtilityProcess | null = null
  #state: EngineState = { state: 'running' }
  #window: BrowserWindow | null = null
  #page: PagePort | null = null
  readonly #answers = new Answers(() => this.#send({ kind: 'ask-alive' }), (now) => this.#hangs(now))
  #deaths = 0
  #restart: NodeJS.Timeout | undefined
  #quitting: (() => void) | null = null

  constructor(log: Log) {
    this.#log = log
    this.#hosts = new HostProcesses(log)
    this.#start()
  }

  /** Gives the page its ports each time that it loads. */
  attach(window: BrowserWindow): void {
    this.#window = window
    window.webContents.on('did-finish-load', () => {
      this.#page = openPagePort(window, { 'start-engine': () => this.#startAgain(), 'end-engine': () => this.#endHanging(), 'show-log': () => this.#showLog() })
      this.#page.tell(this.#state)
      this.#connect()
    })
    window.on('closed', () => {
      this.#window = null
      this.#page = null
    })
  }

  /** Hands a command of the native menu to the page. */
  ask(command: MenuCommand): void {
    this.#send({ kind: 'menu', command })
  }

  /** Opens a project that was asked for from outside of the window, which hears of it from the engine. */
  openProject(directory: string): void {
    this.#send({ kind: 'open', directory })
  }

  /** Lets the engine pause its jobs and close the project, for a while. */
  quit(): Promise<void> {
    return new Promise((resolve) => {
      clearTimeout(this.#restart)
      this.#answers.end()
      const end = (): void => {
        this.ended = true
        clearTimeout(patience)
        this.#hosts.killAll()
        if (this.#process !== null) killAtOnce(this.#process)
        resolve()
      }
      const patience = setTimeout(end, quitMs)
      this.#quitting = end
      if (this.#process === null) end()
      else this.#send({ kind: 'quit' })
    })
  }

  #start(): void {
    const kills = memoryKills()
    const engine = endWithUs(() => utilityProcess.fork(join(import.meta.dirname, 'engine.js'), [], { serviceName: 'RE-Control engine' }))
    const started = performance.now()
    this.#process = engine
    this.#log.add({ what: 'engine started', attempt: this.#deaths + 1 })
    engine.on('message', (message: ToSupervisor) => this.#receive(message))
    engine.once('exit', (code) => this.#engineEnded(withMemory(describeUtilityExit(code), kills), performance.now() - started))
    const resourcesDirectory = join(app.getAppPath(), 'resources')
    this.#send({ kind: 'start', options: { cacheDirectory: cacheDirectory(), dataDirectory: dataDirectory(), resourcesDirectory } })
    this.#tell({ state: 'running' })
    this.#connect()
    this.#answers.begin()
  }

  #hangs(now: boolean): void {
    this.#log.add({ what: now ? 'engine hangs' : 'engine answers again' })
    this.#tell({ state: now ? 'hangs' : 'running' })
  }

  /** It is then started again like one that died. */
  #endHanging(): void {
    if (this.#process !== null && this.#state.state === 'hangs') killAtOnce(this.#process)
  }

  #startAgain(): void {
    if (this.#process !== null || this.#state.state !== 'stopped' || this.#quitting !== null) return
    this.#deaths = 0
    this.#start()
  }

  #engineEnded(reason: string, livedMs: number): void {
    this.#process = null
    this.#answers.end()
    this.#hosts.killAll()
    this.jobs.clear(this.#window)
    if (this.#quitting !== null) {
      this.#quitting()
      return
    }
    this.#log.add({ what: 'engine ended', reason, livedSeconds: Math.round(livedMs / 1000) })
    this.#deaths = livedMs > calmMs ? 1 : this.#deaths + 1
    if (this.#deaths >= maxDeaths) {
      this.#log.add({ what: 'engine given up', deaths: this.#deaths })
      this.#tell({ state: 'stopped', reason, details: this.#log.tail() })
      return
    }
    this.#tell({ state: 'restarting', reason })
    this.#restart = setTimeout(() => this.#start(), firstPauseMs * 2 ** (this.#deaths - 1))
  }

  #tell(state: EngineState): void {
    this.#state = state
    this.#page?.tell(state)
  }

  #connect(): void {
    if (this.#process === null || this.#page === null || this.#window === null || this.#window.isDestroyed()) return
    const { port1, port2 } = new MessageChannelMain()
    this.#send({ kind: 'window' }, [port1])
    this.#window.webContents.mainFrame.postMessage('studio-port', null, [port2])
  }

  #receive(message: ToSupervisor): void {
    switch (message.kind) {
      case 'launch-host': {
        const { host } = message
        const port = this.#hosts.launch(host, (reason) => this.#send({ kind: 'host-exit', host, reason }))
        this.#send({ kind: 'host', host }, [port])
        break
      }
      case 'kill-host':
        this.#hosts.kill(message.host)
        break
      case 'question':
        this.#answer(message.ask).then(
          (output) => this.#send({ kind: 'answer', question: message.question, output }),
          (error: unknown) => this.#send({ kind: 'question-failed', question: message.question, message: String(error) })
        )
        break
      case 'log':
        this.#log.add(message.entry)
        break
      case 'job':
        this.jobs.take(message.job, this.#window)
        break
      case 'downloads':
        this.jobs.takeDownloads(message.downloads, this.#window)
        break
      case 'alive':
        this.#answers.answered()
        break
      case 'closed':
        this.#quitting?.()
    }
  }

  async #answer(question: ShellQuestion): Promise<unknown> {
    if (question.method === 'show-log') return this.#showLog()
    return isKeychainQuestion(question) ? answerKeychain(question) : answerQuestion(this.#window, question)
  }

  /** In the system's file browser. */
  #showLog(): void {
    shell.showItemInFolder(this.#log.file)
  }

  /** An engine that died meanwhile needs no answer. */
  #send(message: ToEngine, ports: Electron.MessagePortMain[] = []): void {
    this.#process?.postMessage(message, ports)
  }
}
