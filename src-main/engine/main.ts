/** The engine's process in the app: serves the window's port, and asks the app for what only Electron can do. */
import { toFailure } from '../contract/errors.ts'
import { createHandlers } from './handlers.ts'
import { Engine, type Shell } from './engine.ts'
import { answer } from './serve.ts'
import { connectSupervisor } from './supervisor-port.ts'

const supervisor = connectSupervisor(process.parentPort)

const shell: Shell = {
  ask: (method, input) => supervisor.ask({ method, input }) as ReturnType<Shell['ask']> as never,
  openFile: async (path) => void (await supervisor.ask({ method: 'open-file', input: { path } })),
  keychain: {
    safe: async () => (await supervisor.ask({ method: 'keychain.safe', input: {} })) === true,
    encrypt: async (text) => String(await supervisor.ask({ method: 'keychain.encrypt', input: { text } })),
    decrypt: async (cipher) => String(await supervisor.ask({ method: 'keychain.decrypt', input: { cipher } }))
  }
}

let window: Electron.MessagePortMain | null = null

supervisor.onStart(({ cacheDirectory, dataDirectory, resourcesDirectory }) => {
  const engine = new Engine({
    cacheDirectory, dataDirectory, resourcesDirectory, shell,
    launchHost: supervisor.launchHost,
    tell: (event, payload) => window?.postMessage({ event, payload })
  })
  const handlers = createHandlers(engine)
  supervisor.onWindow((port) => {
    window = port
    port.on('message', ({ data }) => void answer(handlers, data).then((reply) => reply !== null && port.postMessage(reply)))
    port.start()
  })
  supervisor.onOpen((directory) => void openFromOutside(directory))
  const openFromOutside = async (directory: string): Promise<void> => {
    try {
      const project = await handlers['project.open']({ directory })
      engine.options.tell('project', project)
    } catch (error) {
      engine.options.tell('notice', { level: 'error', text: toFailure(error).message })
    }
  }
  supervisor.onQuit(() => engine.close())
})
