/** The engine's process as the app tells of it: over a port of its own, which is there when the engine is not. */
import type { AppRequest, EngineState } from '../../src-main/contract/supervision.ts'
import { loseEngine } from './connection.ts'
import { notices } from './notices.svelte.ts'

class EngineProcess {
  /** null while it runs, or is started again */
  stopped = $state.raw<Extract<EngineState, { state: 'stopped' }> | null>(null)
  #port: MessagePort | null = null
  /** the notice that says that it does not answer */
  #hangs: number | null = null

  /** Listens for the port that the preload script hands over. Call once. */
  listen(): void {
    window.addEventListener('message', (message) => {
      const [port] = message.ports
      if (message.source !== window || message.data !== 'app-port' || port === undefined) return
      this.#port = port
      port.onmessage = ({ data }: MessageEvent<EngineState>) => this.#take(data)
    })
  }

  startAgain(): void {
    this.#ask('start-engine')
  }

  showLog(): void {
    this.#ask('show-log')
  }

  #take(told: EngineState): void {
    this.stopped = told.state === 'stopped' ? told : null
    if (this.#hangs !== null) notices.dismiss(this.#hangs)
    this.#hangs = null
    if (told.state === 'running') return
    if (told.state === 'hangs') {
      const restart = { title: 'Restart the engine', run: () => this.#ask('end-engine') }
      this.#hangs = notices.add('error', 'The engine does not answer. It may be busy with a large project or file: then it goes on by itself. If not, restart it; what was finished is kept, and jobs can be resumed.', undefined, restart)
      return
    }
    loseEngine(`The engine ${told.reason}. What was finished is kept.`)
    if (told.state === 'restarting') notices.add('warning', `The engine ${told.reason}. It is started again; finished work was kept.`)
  }

  #ask(request: AppRequest): void {
    this.#port?.postMessage(request)
  }
}

export const engineProcess = new EngineProcess()
