/** A scorer for sources that answer at once, one response at a time. */
import { setImmediate as breathe } from 'node:timers/promises'
import { StudioError } from '../../contract/errors.ts'
import type { Scorer, ToScore, Verdict } from './source.ts'

const breatheEveryMs = 20

/** @param reward throws an Error whose message says why a response has none, or a StudioError where going on makes no sense */
export function byRule(reward: (item: ToScore) => number, signal: AbortSignal): Scorer {
  return {
    async score(items, tell) {
      let breathed = performance.now()
      for (const item of items) {
        tell(item, verdictOf(reward, item))
        if (performance.now() - breathed < breatheEveryMs) continue
        await breathe() // other requests, and the abort signal, get their turn
        signal.throwIfAborted()
        breathed = performance.now()
      }
    },
    close: () => {}
  }
}

export function verdictOf(reward: (item: ToScore) => number, item: ToScore): Verdict {
  try {
    return { value: reward(item) }
  } catch (error) {
    if (error instanceof StudioError) throw error
    return { failure: error instanceof Error ? error.message : String(error) }
  }
}
