/** How long a response is: methods that win by writing more should be seen to. */
import { z } from 'zod'
import { byRule } from '../../reward/by-rule.ts'
import type { MetricSource, ToMeasure } from '../metric.ts'
import { wordsOf } from '../words.ts'
import { meterOf } from './scored.ts'

const settings = z.object({
  unit: z.enum(['tokens', 'words']).default('tokens').meta({ title: 'Unit', description: 'Tokens of the model that wrote it, the end-of-text token included, or words' })
})

export const length: MetricSource<typeof settings> = {
  name: 'length',
  title: 'Length',
  description: 'Tokens or words of a response.',
  source: 'counted',
  better: null,
  settings,
  label: ({ unit }) => `length:${unit}`,
  open: ({ unit }, { signal }) => Promise.resolve(meterOf(byRule((item) => (unit === 'words' ? wordsOf(item.text).length : (item as ToMeasure).tokens), signal)))
}
