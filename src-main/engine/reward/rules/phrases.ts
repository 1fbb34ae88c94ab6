/** Counts words and phrases, whole ones, in any case, in any script. An apostrophe is a border: "homme" is in "l'homme", and "can" in "can't". */
import type { Measure } from './rule.ts'

const inWord = '[\\p{L}\\p{M}\\p{N}_]'
/** Scripts that put no space between words: a border there is nothing that can be asked for. */
const withoutSpaces = /[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]/u

/** How often any of them occurs; of two that begin at one place the longer counts. Occurrences do not overlap. */
export function phrasesIn(phrases: readonly string[]): Measure {
  const all = phrases.map(normalised)
  // each kind of border once, and not at each phrase: such a class of letters is large when it is compiled
  const alternatives = [false, true].flatMap((before) =>
    [false, true].flatMap((after) => {
      const alike = all.filter((phrase) => wantsBorder([...phrase][0]) === before && wantsBorder([...phrase].at(-1)) === after)
      if (alike.length === 0) return []
      return [`${before ? `(?<!${inWord})` : ''}(?:${expressionFor(alike.map((phrase) => phrase.split(/\s+/)))})${after ? `(?!${inWord})` : ''}`]
    })
  )
  const expression = new RegExp(alternatives.join('|'), 'gu')
  return (text) => normalised(text).match(expression)?.length ?? 0
}

/** Phrases that begin alike share their beginning, as hundreds of alternatives would be tried one by one at each "I" otherwise. */
function expressionFor(phrases: string[][]): string {
  const longestFirst = phrases.toSorted(([a = ''], [b = '']) => b.length - a.length)
  return [...Map.groupBy(longestFirst, ([word = '']) => word)]
    .map(([word, alike]) => {
      const more = alike.map((phrase) => phrase.slice(1)).filter((rest) => rest.length > 0)
      if (more.length === 0) return RegExp.escape(word)
      return `${RegExp.escape(word)}(?:\\s+(?:${expressionFor(more)}))${more.length < alike.length ? '?' : ''}`
    })
    .join('|')
}

function wantsBorder(character = ''): boolean {
  return new RegExp(inWord, 'u').test(character) && !withoutSpaces.test(character)
}

/** One case, composed letters, straight apostrophes. */
function normalised(text: string): string {
  return text.normalize('NFC').toLowerCase().replaceAll('’', "'")
}
