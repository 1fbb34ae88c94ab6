/** Every metric: adding one is adding a file in metrics/ and a line here. */
import { z } from 'zod'
import type { Metric } from '../../contract/evaluate.ts'
import { StudioError } from '../../contract/errors.ts'
import type { MetricSource } from './metric.ts'
import { coherence } from './metrics/coherence.ts'
import { kl } from './metrics/kl.ts'
import { length } from './metrics/length.ts'
import { perplexity } from './metrics/perplexity.ts'
import { refusal } from './metrics/refusal.ts'
import { reward } from './metrics/reward.ts'
import { winRate } from './metrics/win-rate.ts'

const metrics: readonly MetricSource[] = [coherence, winRate, reward, refusal, perplexity, kl, length]

export function listMetrics(): Metric[] {
  return metrics.map(({ name, title, description, source, better, settings }) => ({ name, title, description, source, better, settings: z.toJSONSchema(settings, { io: 'input' }) }))
}

/** @throws StudioError 'bad-request' */
export function metricNamed(name: string): MetricSource {
  const found = metrics.find((metric) => metric.name === name)
  if (found === undefined) throw new StudioError('bad-request', `there is no metric ${name}; there are ${metrics.map((metric) => metric.name).join(', ')}`)
  return found
}
