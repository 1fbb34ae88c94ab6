/** What a person types, as terms of the search index, and texts as the index takes them. */

/** Scripts that put no spaces between words, and pictures: each of their characters is a word of its own. */
const alone = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\p{So}]/gu
/** Joiners and variation selectors, which change how a picture is drawn. */
const invisible = /[\u200d\ufe00-\ufe0f]/g
const beyondLatin = /[^\0-\u024f]/
/** What SQLite's unicode61 with `tokenCategories` takes for a part of a word. */
const partOfWord = /[\p{L}\p{N}\p{M}\p{Co}\p{So}]/u

/** For unicode61: letters, numbers, marks, private use and pictures make words; everything else parts them. */
export const tokenCategories = 'L* N* Mn Mc Co So'

/** A text in which every word that can be searched for stands apart. */
export function searchable(text: string): string {
  return beyondLatin.test(text) ? text.toWellFormed().replace(invisible, '').replace(alone, ' $& ') : text
}

export interface SearchTerm {
  text: string
  /** whether its last word may go on */
  open: boolean
  /** for FTS5 */
  expression: string
}

/**
 * What an example must match all of, the most telling first: each word as the beginning of a word, what
 * stands in quotes as a phrase; of a quote that is still open the last word is a beginning too. No text is a syntax error.
 */
export function searchTerms(search: string): SearchTerm[] {
  const words: string[] = []
  const phrases: string[] = []
  for (const [part, quoted, end] of search.matchAll(/"([^"]*)("|$)|[^\s"]+/g)) {
    const text = searchable(quoted ?? part).replaceAll('\0', ' ')
    if (!partOfWord.test(text)) continue
    if (quoted !== undefined && end === '"') phrases.push(text)
    else words.push(text)
  }
  // what begins with "assistant" begins with "a" too
  const telling = words.filter((word, i) => !words.some((other, j) => other !== word ? other.startsWith(word) : j < i))
  const terms = [
    ...phrases.map((text) => ({ text, open: false, expression: `"${text}"` })),
    ...telling.map((text) => ({ text, open: true, expression: `"${text}"*` }))
  ]
  return terms.sort((a, b) => b.text.length - a.text.length)
}
