/** The benchmark's words and flags. */
import { parseArgs } from 'node:util'
import { partNames, type PartName } from './result.ts'

export interface BenchArguments {
  parts: PartName[]
  json: boolean
  /** the settings of the targets only */
  quick: boolean
  /** a GGUF file instead of the sample's model as Q4_0 */
  model: string | null
  /** null: measured, as the app does */
  threads: number | null
}

/** @throws Error in one line for an unknown part or flag */
export function parseBenchArguments(words: string[]): BenchArguments {
  const { positionals, values } = parseArgs({
    args: words,
    options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false }, model: { type: 'string' }, threads: { type: 'string' } },
    allowPositionals: true
  })
  const isPart = (word: string): word is PartName => (partNames as readonly string[]).includes(word)
  const unknown = positionals.find((word) => !isPart(word))
  if (unknown !== undefined) throw new Error(`Unknown part of the benchmark: ${unknown}. There are: ${partNames.join(', ')}.`)
  const chosen = partNames.filter((name) => positionals.length === 0 || positionals.includes(name))
  const threads = values.threads === undefined ? null : Number(values.threads)
  if (threads !== null && (!Number.isInteger(threads) || threads < 1 || threads > 512)) throw new Error(`--threads takes a whole number from 1 to 512, not "${values.threads}".`)
  return { parts: chosen, json: values.json, quick: values.quick, model: values.model ?? null, threads }
}
