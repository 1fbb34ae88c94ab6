/** Measures responses by a metric as an evaluation does: settings through its schema, each item's verdict in the items' order. */
import type { ToMeasure } from '../../../src-main/engine/evaluate/metric.ts'
import { metricNamed } from '../../../src-main/engine/evaluate/metrics.ts'
import { measureDoors } from '../../../src-main/engine/evaluate/study.ts'
import type { Surroundings, Verdict } from '../../../src-main/engine/reward/source.ts'
import { sourceNamed } from '../../../src-main/engine/reward/sources.ts'

export type Around = Pick<Surroundings, 'project' | 'models' | 'secrets' | 'asked'>

export function response(text: string, more: Partial<ToMeasure> = {}): ToMeasure {
  return { response: null, example: 1, method: 1, seed: 1, prompt: 'Why?', messages: [], columns: {}, tokens: 4, tokenIds: null, base: null, preferred: null, text, ...more }
}

export async function measured(name: string, settings: object, items: ToMeasure[], around: Around, { signal = new AbortController().signal, onVerdict = (): void => {} } = {}): Promise<{ verdicts: (Verdict | undefined)[]; remarks: string[] }> {
  const metric = metricNamed(name)
  const chosen = metric.settings.parse(settings)
  around.asked.add(...measureDoors([{ name, settings: chosen }]))
  const meter = await metric.open(chosen, { ...around, sourceNamed, signal, methods: [] })
  const verdicts = new Map<ToMeasure, Verdict>()
  try {
    await meter.measure(items, (item, verdict) => {
      if (verdicts.has(item)) throw new Error('a second verdict')
      verdicts.set(item, verdict)
      onVerdict()
    })
    return { verdicts: items.map((item) => verdicts.get(item)), remarks: meter.remarks?.() ?? [] }
  } finally {
    meter.close()
  }
}
