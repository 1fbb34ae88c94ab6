/** Work on many items at once, pulled one by one: there may be more than memory. */

/**
 * Resolves after the last item. The first error ends it: what runs is aborted, and nothing runs any more when it throws.
 * @param work gets a signal that is aborted with `signal`, or when other work failed
 */
export async function inParallel<T>(items: Iterable<T>, parallel: number, signal: AbortSignal, work: (item: T, signal: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController()
  const failures: unknown[] = []
  const fail = (error: unknown): void => {
    failures.push(error)
    stop.abort(error)
  }
  const abort = (): void => fail(signal.reason)
  signal.throwIfAborted()
  signal.addEventListener('abort', abort)
  const iterator = items[Symbol.iterator]()
  const pull = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const next = iterator.next()
      if (next.done === true) return
      await work(next.value, stop.signal)
    }
  }
  try {
    await Promise.all(Array.from({ length: parallel }, () => pull().catch(fail)))
  } finally {
    signal.removeEventListener('abort', abort)
    iterator.return?.()
  }
  if (failures.length > 0) throw failures[0]
}
