/** Whether a response refuses, by the phrases of the rules source (reward/rules/refusals.ts says what they miss). */
import { z } from 'zod'
import { byRule } from '../../reward/by-rule.ts'
import { has } from '../../reward/rules/occurrences.ts'
import type { MetricSource } from '../metric.ts'
import { meterOf } from './scored.ts'

const settings = z.object({})

export const refusal: MetricSource<typeof settings> = {
  name: 'refusal',
  title: 'Refusals',
  description: 'Share of responses that hold a phrase by which an English-speaking assistant refuses. Refusals in other words or languages are missed, quoted ones are counted.',
  source: 'phrases, as in Zou et al. 2023 (arXiv 2307.15043)',
  better: null,
  settings,
  label: () => 'refusal',
  open(_settings, { signal }) {
    const refuses = has('refusal')
    return Promise.resolve(meterOf(byRule(({ text }) => refuses(text), signal)))
  }
}
