/** Settings of a whole pipeline. */
import { z } from 'zod'
import { collectSettings } from './collect.ts'
import { evaluateSettings } from './evaluate.ts'
import { labelSettings } from './reward.ts'
import { trainSettings } from './value.ts'

/** What the forms of the stages begin with; in a project's settings.json, which the terminal's run reads and writes. */
export const stageSettings = z.object({
  collect: collectSettings.omit({ dataset: true }).prefault({}),
  reward: labelSettings.omit({ collection: true }).nullable().default(null),
  train: trainSettings.omit({ collection: true, source: true }).prefault({}),
  evaluate: evaluateSettings.omit({ dataset: true, source: true, sourceSettings: true, methods: true, sweep: true, further: true, metrics: true }).prefault({})
})
export type StageSettings = z.infer<typeof stageSettings>
