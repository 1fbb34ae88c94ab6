/** The engine's process in the app: serves the window's port, and asks the app for what only Electron can do. */
import { toFailure } from '../contract/errors.ts'
import type { Job } from '../contract/job.ts'
import type { ModelDownload } from '../contract/models.ts'
import { framesOf } from '../contract/log-entry.ts'
import { createHandlers } from './handlers.ts'
import { Engine, type Shell, type Tell } from './engine.ts'
import { answer } from './serve.ts'
import { logEvents } from './log-events.ts'
import { connectSupervisor } from './supervisor-port.ts'

const supervisor = connectSupervisor(process.parentPort)

const shell: Shell = {
  ask: (method, input) => supervisor.ask({ method, input }) as ReturnType<Shell['ask']> as never,
  showLog: async () => void (await supervisor.ask({ method: 'show-log', input: {} })),
  openFile: async (path) => void (await supervisor.ask({ method: 'open-file', input: { path } })),
  readyToQuit: () => windowIsReady?.(),
  keychain: {
    safe: async () => (await supervisor.ask({ method: 'keychain.safe', input: {} })) === true,
    encrypt: async (text) => String(await supervisor.ask({ method: 'keychain.encrypt', input: { text } })),
    decrypt: async (cipher) => String(await supervisor.ask({ method: 'keychain.decrypt', input: { cipher } }))
  }
}

const log = logEvents(supervisor.log)
process.on('unhandledRejection', (reason) => supervisor.log({ what: 'unforeseen', process: 'engine', at: framesOf(reason instanceof Error ? reason.stack : undefined) }))

let window: Electron.MessagePortMain | null = null
let windowIsReady: (() => void) | null = null

/** The window may still have deletions to carry out; one that does not answer is not waited for long. */
const windowMs = 2000

supervisor.onStart(({ cacheDirectory, dataDirectory, resourcesDirectory }) => {
  const tell: Tell = (event, payload) => {
    log(event, payload)
    window?.postMessage({ event, payload })
    if (event === 'job') supervisor.tellJob(payload as Job)
    if (event === 'model.downloads') supervisor.tellDownloads(payload as ModelDownload[])
  }
  const engine = new Engine({
    cacheDirectory, dataDirectory, resourcesDirectory, shell,
    launchHost: supervisor.launchHost,
    tell
  })
  const handlers = createHandlers(engine)
  supervisor.onWindow((port) => {
    window = port
    port.on('message', ({ data }) => void answer(handlers, data, supervisor.log).then((reply) => reply !== null && port.postMessage(reply)))
    port.start()
  })
  supervisor.onMenu((command) => tell('menu', { command }))
  supervisor.onOpen((directory) => void openFromOutside(directory))
  const openFromOutside = async (directory: string): Promise<void> => {
    try {
      tell('project', await handlers['project.open']({ directory }))
    } catch (error) {
      tell('notice', { level: 'error', text: toFailure(error).message })
    }
  }
  supervisor.onQuit(async () => {
    if (window !== null && engine.hasProject) {
      await new Promise<void>((resolve) => {
        windowIsReady = resolve
        setTimeout(resolve, windowMs)
        tell('quitting', {})
      })
    }
    await engine.downloads.pauseAll()
    await engine.close()
  })
})
