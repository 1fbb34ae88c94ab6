/**
 * Supervises the engine's process and the model hosts that it asks for. An engine that dies is started again, with a
 * growing pause and at most three times in a row; the window gets a new port each time.
 */
import { app, BrowserWindow, dialog, MessageChannelMain, utilityProcess, type UtilityProcess } from 'electron'
import { join } from 'node:path'
import { cacheDirectory, dataDirectory } from '../engine/directories.ts'
import type { ShellQuestion, ToEngine, ToSupervisor } from '../engine/supervisor-port.ts'
import { answerQuestion } from './dialogs.ts'
import { answerKeychain, isKeychainQuestion } from './keychain.ts'

const maxDeaths = 3
const calmMs = 60_000 // an engine that lived so long starts with a clean record
const firstPauseMs = 500
const quitMs = 10_000

const built = (name: string): string => join(import.meta.dirname, `${name}.js`)

export class EngineProcess {
  ended = false
  #process: UtilityProcess
  #hosts = new Map<number, UtilityProcess>()
  #window: BrowserWindow | null = null
  #deaths = 0
  #quitting: (() => void) | null = null

  constructor() {
    this.#process = this.#start()
  }

  /** Gives the page a port to the engine each time that it loads. */
  attach(window: BrowserWindow): void {
    this.#window = window
    window.webContents.on('did-finish-load', () => this.#connect())
    window.on('closed', () => (this.#window = null))
  }

  /** Opens a project that was asked for from outside of the window, which hears of it from the engine. */
  openProject(directory: string): void {
    this.#send({ kind: 'open', directory })
  }

  /** Lets the engine pause its jobs and close the project, for a while. */
  quit(): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        this.ended = true
        clearTimeout(patience)
        for (const host of this.#hosts.values()) host.kill()
        this.#process.kill()
        resolve()
      }
      const patience = setTimeout(end, quitMs)
      this.#quitting = end
      this.#send({ kind: 'quit' })
    })
  }

  #start(): UtilityProcess {
    const engine = utilityProcess.fork(built('engine'), [], { serviceName: 'RE-Control engine' })
    const started = performance.now()
    engine.on('message', (message: ToSupervisor) => this.#receive(message))
    engine.once('exit', (code) => this.#engineEnded(code, performance.now() - started))
    const resourcesDirectory = join(app.getAppPath(), 'resources')
    engine.postMessage({ kind: 'start', options: { cacheDirectory: cacheDirectory(), dataDirectory: dataDirectory(), resourcesDirectory } } satisfies ToEngine)
    return engine
  }

  #engineEnded(code: number, livedMs: number): void {
    for (const host of this.#hosts.values()) host.kill()
    this.#hosts.clear()
    if (this.#quitting !== null) {
      this.#quitting()
      return
    }
    this.#deaths = livedMs > calmMs ? 1 : this.#deaths + 1
    if (this.#deaths >= maxDeaths) {
      dialog.showErrorBox('The engine stopped', `The engine's process ended ${this.#deaths} times in a row (exit code ${code}). Your project is safe on the disk; start the studio again to go on.`)
      this.ended = true
      app.quit()
      return
    }
    setTimeout(() => {
      this.#process = this.#start()
      this.#connect()
    }, firstPauseMs * 2 ** (this.#deaths - 1))
  }

  #connect(): void {
    if (this.#window === null || this.#window.isDestroyed()) return
    const { port1, port2 } = new MessageChannelMain()
    this.#send({ kind: 'window' }, [port1])
    this.#window.webContents.mainFrame.postMessage('studio-port', null, [port2])
  }

  #receive(message: ToSupervisor): void {
    switch (message.kind) {
      case 'launch-host':
        this.#launchHost(message.host)
        break
      case 'kill-host':
        this.#hosts.get(message.host)?.kill()
        this.#hosts.delete(message.host)
        break
      case 'question':
        this.#answer(message.ask).then(
          (output) => this.#send({ kind: 'answer', question: message.question, output }),
          (error: unknown) => this.#send({ kind: 'question-failed', question: message.question, message: String(error) })
        )
        break
      case 'closed':
        this.#quitting?.()
    }
  }

  async #answer(question: ShellQuestion): Promise<unknown> {
    return isKeychainQuestion(question) ? answerKeychain(question) : answerQuestion(this.#window, question)
  }

  #launchHost(id: number): void {
    const host = utilityProcess.fork(built('model-host'), [], {
      serviceName: 'RE-Control model host',
      env: { ...process.env, GGML_NO_BACKTRACE: '1' } // no debugger is to be started on an abort
    })
    this.#hosts.set(id, host)
    host.once('exit', (code) => {
      if (!this.#hosts.delete(id)) return // it was killed on request
      this.#send({ kind: 'host-exit', host: id, reason: code === 0 ? 'ended' : `ended unexpectedly (exit code ${code})` })
    })
    const { port1, port2 } = new MessageChannelMain()
    host.postMessage(null, [port1])
    this.#send({ kind: 'host', host: id }, [port2])
  }

  #send(message: ToEngine, ports: Electron.MessagePortMain[] = []): void {
    this.#process.postMessage(message, ports)
  }
}
