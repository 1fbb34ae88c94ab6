/** Train or held out: the row's own word where it has one, else by a hash of its prompt, so that equal prompts stay together. */
import { createHash } from 'node:crypto'
import type { Split } from '../../contract/data.ts'
import type { Row } from './row.ts'

const names = new Map<unknown, Split>([['train', 'train'], ['held-out', 'held-out'], ['heldout', 'held-out'], ['test', 'held-out'], ['validation', 'held-out'], ['eval', 'held-out']])

/** What a word of the data says; undefined for words that say nothing. */
export function splitWord(word: unknown): Split | undefined {
  return typeof word === 'string' ? names.get(word.toLowerCase()) : undefined
}

/** @param heldOut share of the prompts */
export function splitOf(row: Row, prompt: string, { heldOut, seed }: { heldOut: number; seed: number }): Split {
  const own = splitWord(row['split'])
  if (own !== undefined) return own
  const hash = createHash('sha256').update(seed === 0 ? prompt : `${seed}\n${prompt}`).digest().readUInt32LE(0)
  return hash / 2 ** 32 < heldOut ? 'held-out' : 'train'
}
