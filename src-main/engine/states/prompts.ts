/** Which example of the new data set each imported response belongs to. */
import { hash } from 'node:crypto'
import type { NewExample } from '../project/datasets.ts'
import { BadFile } from '../tensors/bad-file.ts'
import type { ResponseRow } from './layout.ts'

/** Rows with the same `example`, or without one with the same prompt, are samples of one prompt. */
export class Prompts {
  /** of each prompt seen so far, by what tells it apart */
  readonly #lines = new Map<string, number>()
  /** the prompt of each line */
  readonly #digests = new Map<number, string>()
  readonly #samples = new Map<number, Set<number>>()
  #responses = 0

  /**
   * @returns its line, its sample, and the example where this is its first response
   * @throws BadFile where rows contradict each other
   */
  place(row: ResponseRow): { line: number; sample: number; example: NewExample | null } {
    const number = ++this.#responses
    const messages = row.messages ?? [{ role: 'user' as const, content: row.prompt }]
    const digest = hash('sha256', JSON.stringify([row.prompt, messages]), 'base64')
    const line = row.example ?? this.#lines.get(digest) ?? this.#free()
    const known = this.#digests.get(line)
    if (known !== undefined && known !== digest) throw new BadFile(`response ${number} says that it belongs to example ${line}, whose prompt is another`)
    const samples = this.#samples.get(line) ?? new Set<number>()
    const sample = row.sample ?? samples.size
    if (samples.has(sample)) throw new BadFile(`response ${number} is sample ${sample} of example ${line} once more`)
    samples.add(sample)
    this.#samples.set(line, samples)
    if (known !== undefined) return { line, sample, example: null }
    this.#digests.set(line, digest)
    this.#lines.set(digest, line)
    const { prompt, split, chosen, rejected, columns } = row
    return { line, sample, example: { line, split, prompt, messages, chosen, rejected, columns } }
  }

  get mostSamples(): number {
    return Math.max(1, ...this.#sizes())
  }

  *#sizes(): Generator<number> {
    for (const samples of this.#samples.values()) yield samples.size
  }

  #free(): number {
    let line = this.#digests.size + 1
    while (this.#digests.has(line)) line++
    return line
  }
}
