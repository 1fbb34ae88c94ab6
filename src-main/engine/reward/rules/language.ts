/**
 * Whether a response is in a language, by its letter triples (franc-min, the 80 languages with the most speakers). Such a
 * guess needs text. Of harmless-base responses of HH-RLHF, all in English, 782 of 786 with 80 letters or more were told to be
 * English, of those with 20 to 40 letters two thirds; so a shorter one has no answer. A script of one language (Hangul, kana,
 * Thai, ...) is told from ten letters. Close languages, such as Bosnian, Croatian and Serbian, are easily confused, and a
 * language that is not among the 80 is taken for one that is. Code blocks do not count.
 */
import { franc } from 'franc-min'
import { data } from 'franc-min/data.js'
import { expressions } from 'franc-min/expressions.js'
import type { Kind } from './rule.ts'

const lettersNeeded = 80
const lettersOfOwnScript = 10

const sharing = new Set(Object.values(data).flatMap((languages) => Object.keys(languages)))
const known = new Set([...sharing, ...Object.keys(expressions).filter((name) => !(name in data))].map(shortCode))

export const language: Kind = (argument) => {
  const wanted = /^[a-z]{2,3}$/i.test(argument) ? shortCode(argument) : ''
  if (!known.has(wanted)) {
    throw new Error(`expected a language by its ISO 639 code, e.g. en or eng, one of ${[...known].sort().join(' ')}`)
  }
  return (text) => (languageOf(text) === wanted ? 1 : 0)
}

/** @throws Error where it cannot be told */
function languageOf(text: string): string {
  const prose = text.replace(/```[\s\S]*?(?:```|$)/g, ' ').replaceAll('’', "'")
  const letters = prose.match(/\p{L}/gu)?.length ?? 0
  const code = franc(prose)
  const needed = sharing.has(code) ? lettersNeeded : lettersOfOwnScript
  if (letters < needed) throw new Error(`too short to tell its language: ${letters} of ${needed} letters`)
  if (code === 'und') throw new Error('its language cannot be told')
  return shortCode(code)
}

/** ISO 639-1 where there is such a code, otherwise 639-3; a macrolanguage for the one of its languages that franc-min means (arb is ar). */
function shortCode(code: string): string {
  const short = new Intl.Locale(code).language
  return short === 'zlm' ? 'ms' : short
}
