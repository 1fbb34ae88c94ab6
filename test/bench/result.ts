/** What the benchmark has found: the JSON that it writes. */
import type { Spread } from './statistics.ts'

export const partNames = ['hook', 'control', 'collection', 'training', 'prefill', 'first-token', 'memory', 'search', 'batch', 'window'] as const
export type PartName = (typeof partNames)[number]

export type Unit = 'ratio' | 'states/s' | 'MB' | 'ms'

export interface Measurement {
  /** what it shares with the measurements that it is shown beside */
  group: string
  /** unique within its group */
  label: string
  unit: Unit
  /** null where it was not measured; `note` then says why */
  spread: Spread | null
  /** what the figure is made of; medians, with the unit in the name */
  details: Record<string, number>
  note: string | null
}

export interface PartResult {
  name: PartName
  title: string
  /** how it was measured, in a sentence or two */
  about: string
  measurements: Measurement[]
}

export interface FinishedPart extends PartResult {
  seconds: number
  /** why it stopped early, or null */
  failure: string | null
}

export interface Target {
  figure: string
  sense: 'at most' | 'at least' | 'no more than noise above'
  limit: number
  measured: Spread | null
  /** null: not measured in this run */
  met: boolean | null
  /** of a figure that was not met: what it is made of */
  where: string | null
}

export interface Machine {
  processor: string
  cores: number
  memoryGB: number
  system: string
  /** average number of waiting or running processes over the last 1, 5 and 15 minutes, before the run */
  load: number[]
}

export interface Facts {
  /** ISO 8601 */
  date: string
  command: string
  studio: string
  machine: Machine
  model: { file: string; sha256: string; description: string; stateSize: number; bytes: number }
  /** llama.cpp's release, the variant of its libraries, and the device that computes */
  build: string
  backend: string
  device: string
  threads: number
  threadMeasurement: { threads: number; tokensPerSecond: number }[]
}

export interface BenchResult extends Facts {
  warnings: string[]
  seconds: number
  targets: Target[]
  parts: FinishedPart[]
}
