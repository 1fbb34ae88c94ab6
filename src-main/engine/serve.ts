/** Answers requests that arrive on a port: each is checked against the contract before a handler sees it. */
import { StudioError, toFailure } from '../contract/errors.ts'
import { framesOf, type LogEntry } from '../contract/log-entry.ts'
import { methods, type MethodName } from '../contract/methods.ts'
import { request, type Reply } from '../contract/wire.ts'
import type { Handlers } from './engine.ts'

/**
 * @param log is told of what nobody foresaw; a request that was refused is no news
 * @returns what to post back, or null for a message without a usable id
 */
export async function answer(handlers: Handlers, message: unknown, log: (entry: LogEntry) => void = () => {}): Promise<Reply | null> {
  const parsed = request.safeParse(message)
  if (!parsed.success) {
    const id = idOf(message)
    return id === null ? null : { id, failure: toFailure(new StudioError('bad-request', 'this is not a request of the contract')) }
  }
  const { id, method, input } = parsed.data
  try {
    return { id, output: await call(handlers, method, input) }
  } catch (error) {
    const failure = toFailure(error)
    if (failure.code === 'internal') log({ what: 'request failed', method, code: failure.code, at: framesOf(failure.details) })
    return { id, failure }
  }
}

function call<M extends MethodName>(handlers: Handlers, method: M, input: unknown): unknown {
  // the schema and the handler of one method belong together; the compiler cannot follow that through the map
  const checked = methods[method].input.parse(input ?? {})
  return (handlers[method] as (input: unknown) => unknown)(checked)
}

function idOf(message: unknown): number | null {
  const id = typeof message === 'object' && message !== null && 'id' in message ? message.id : null
  return typeof id === 'number' && Number.isSafeInteger(id) && id >= 0 ? id : null
}
