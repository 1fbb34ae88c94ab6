/** Starting values of the forms; the same as the contract's defaults, whose schemas stay out of the window. */
import type { CollectSettings, EvaluateSettings, Sampling, TrainSettings } from '../../src-main/contract/entities.ts'

export const sampling = (): Sampling => ({ temperature: 0.7, topK: 50, topP: 0.95, minP: 0 })

export const collectSettings = (dataset: number): CollectSettings => ({
  dataset,
  split: 'train',
  limit: null,
  samples: 1,
  maxTokens: 128,
  parallel: 16,
  seed: 1,
  sampling: sampling()
})

export const trainSettings = (collection: number, source: string): TrainSettings => ({
  collection,
  source,
  hidden: 1024,
  layers: 1,
  learningRate: 1e-4,
  batch: 512,
  epochs: 100,
  patience: 10,
  validation: 0.15,
  objective: 'semi-gradient',
  standardise: true,
  seed: 1
})

export const evaluateSettings = (dataset: number): EvaluateSettings => ({
  dataset,
  split: 'held-out',
  limit: null,
  methods: [],
  source: 'tone',
  maxTokens: 128,
  parallel: 16,
  seed: 1,
  sampling: sampling()
})
