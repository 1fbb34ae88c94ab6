/** The model host's process: requests in, events and results out. It holds nothing that cannot be lost. */
import { toFailure } from '../contract/errors.ts'
import { createHost } from './host.ts'
import type { FromHost, HostMethod, ToHost } from './messages/methods.ts'

interface Channel {
  send(message: FromHost): void
  onMessage(handle: (message: ToHost) => void): void
}

/** A MessagePort handed over by the app's supervisor, or the pipe to the process that forked this one. */
function openChannel(): Promise<Channel> {
  const { parentPort } = process as { parentPort?: Electron.ParentPort }
  if (parentPort === undefined) {
    process.on('disconnect', () => process.exit(0))
    return Promise.resolve({
      send: (message) => void process.send?.(message),
      onMessage: (handle) => void process.on('message', (message) => handle(message as ToHost))
    })
  }
  return new Promise((resolve) => {
    parentPort.once('message', ({ ports: [port] }) => {
      if (port === undefined) throw new Error('the model host was started without a port')
      port.on('close', () => process.exit(0))
      port.start()
      resolve({
        send: (message) => port.postMessage(message),
        onMessage: (handle) => void port.on('message', (event) => handle(event.data as ToHost))
      })
    })
  })
}

function serve(channel: Channel): void {
  const host = createHost()
  const running = new Map<number, AbortController>()

  const answer = async (id: number, method: HostMethod, input: unknown): Promise<void> => {
    const abort = new AbortController()
    running.set(id, abort)
    try {
      const handle = host[method] as (input: unknown, emit: (event: never) => void, signal: AbortSignal) => unknown
      const output = await handle(input, (event) => channel.send({ id, event }), abort.signal)
      channel.send({ id, output })
    } catch (error) {
      channel.send({ id, failure: toFailure(error) })
    } finally {
      running.delete(id)
    }
  }

  channel.onMessage((message) => {
    if ('cancel' in message) running.get(message.id)?.abort()
    else void answer(message.id, message.method, message.input)
  })
}

void openChannel().then(serve)
