/** A reward's scorer as a meter: what it scores is what it is handed, so each item that comes back was one to measure. */
import type { Scorer } from '../../reward/source.ts'
import type { Meter, ToMeasure } from '../metric.ts'

export function meterOf(scorer: Scorer): Meter {
  return {
    measure: (items, tell) => scorer.score(items, (item, verdict) => tell(item as ToMeasure, verdict)),
    close: () => scorer.close()
  }
}
