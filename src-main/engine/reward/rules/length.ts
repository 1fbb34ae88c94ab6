/**
 * How long a response is: `length words` itself, `over 120` what it has beyond, `under 40` what it lacks, `between 40 and 120`
 * 1 inside and 0 outside. Characters are Unicode's code points. Words are runs of letters and digits, so a script without spaces has
 * few of them. Sentences are those of Unicode's segmentation (UAX 29) that hold a letter or a digit.
 */
import { wordsOf } from '../../evaluate/words.ts'
import type { Kind, Measure } from './rule.ts'

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' })

const units: Record<string, Measure> = {
  characters: (text) => [...text].length,
  words: (text) => wordsOf(text).length,
  sentences: (text) => [...segmenter.segment(text)].filter(({ segment }) => /[\p{L}\p{N}]/u.test(segment)).length
}

const number = '(\\d+)'
const shape = new RegExp(`^(\\w+)(?:\\s+(?:(over|under)\\s+${number}|between\\s+${number}\\s+and\\s+${number}))?$`)

export const length: Kind = (argument) => {
  const [, unit = '', side, bound, low, high] = shape.exec(argument) ?? []
  if (!Object.hasOwn(units, unit)) {
    throw new Error('expected characters, words or sentences, and then nothing, over N, under N or between N and M')
  }
  const lengthOf = units[unit]!
  if (side === 'over') return (text) => Math.max(0, lengthOf(text) - Number(bound))
  if (side === 'under') return (text) => Math.max(0, Number(bound) - lengthOf(text))
  if (low === undefined) return lengthOf
  if (Number(low) > Number(high)) throw new Error(`nothing is between ${low} and ${high}`)
  return (text) => (lengthOf(text) >= Number(low) && lengthOf(text) <= Number(high) ? 1 : 0)
}
