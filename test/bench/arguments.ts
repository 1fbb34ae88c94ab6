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
}

/** @throws Error in one line for an unknown part or flag */
export function parseBenchArguments(words: string[]): BenchArguments {
  const { positionals, values } = parseArgs({
    args: words,
    options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false }, model: { type: 'string' } },
    allowPositionals: true
  })
  const isPart = (word: string): word is PartName => (partNames as readonly string[]).includes(word)
  const unknown = positionals.find((word) => !isPart(word))
  if (unknown !== undefined) throw new Error(`Unknown part of the benchmark: ${unknown}. There are: ${partNames.join(', ')}.`)
  const chosen = partNames.filter((name) => positionals.length === 0 || positionals.includes(name))
  return { parts: chosen, json: values.json, quick: values.quick, model: values.model ?? null }
}
