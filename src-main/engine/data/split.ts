/** Train or held out: the row's own word where it has one, else by a hash of its prompt, so that equal prompts stay together. */
import { createHash } from 'node:crypto'
import type { Split } from '../../contract/entities.ts'
import type { Row } from './format.ts'

const heldOutShare = 0.2

const names = new Map<unknown, Split>([['train', 'train'], ['held-out', 'held-out'], ['heldout', 'held-out'], ['test', 'held-out'], ['validation', 'held-out'], ['eval', 'held-out']])

export function splitOf(row: Row, prompt: string): Split {
  const word = row['split']
  const own = typeof word === 'string' ? names.get(word.toLowerCase()) : undefined
  if (own !== undefined) return own
  const hash = createHash('sha256').update(prompt).digest().readUInt32LE(0)
  return hash / 2 ** 32 < heldOutShare ? 'held-out' : 'train'
}
