/** What of the engine's events belongs into the log: which model runs where, how jobs ended, what was swept away. */
import { framesOf, type LogEntry } from '../contract/log-entry.ts'
import type { AnyEvent, EventName, EventPayload } from '../contract/methods.ts'

export function logEvents(add: (entry: LogEntry) => void): <N extends EventName>(event: N, payload: EventPayload<N>) => void {
  return (event, payload) => {
    const told = { event, payload } as AnyEvent
    if (told.event === 'model' && told.payload.loaded !== null) {
      const { backend, device, build, gpuLayers, layers, threads } = told.payload.loaded
      add({ what: 'model loaded', backend, device: device.description, build, gpuLayers, layers, threads })
    } else if (told.event === 'project.swept') {
      add({ what: 'orphans swept', ...told.payload })
    } else if (told.event === 'job' && told.payload.state !== 'running' && told.payload.state !== 'queued') {
      const { id: job, kind, state, failure } = told.payload
      add({ what: 'job ended', job, kind, state, code: failure?.code ?? null, at: failure?.code === 'internal' ? framesOf(failure.details) : [] })
    }
  }
}
