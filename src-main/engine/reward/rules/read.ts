/**
 * The language of rules: one a line, a weight, what is measured, and what in.
 *
 *   1      tone                            mean AFINN valence a word, -5 to 5
 *   -2     has refusal                     1 where it does, otherwise 0
 *   -1     count toxicity                  how often
 *   -0.5   count words sorry, unfortunately
 *   1      has /\bstep \d+/i               a JavaScript regular expression
 *   -0.01  length words over 120           words beyond 120
 *   2      format json                     1 where it does, otherwise 0
 *   1      language en                     1 where it is
 */
import { toneOf } from '../tone.ts'
import { format } from './format.ts'
import { language } from './language.ts'
import { length } from './length.ts'
import { count, has } from './occurrences.ts'
import type { Kind, Rule } from './rule.ts'

const tone: Kind = (argument) => {
  if (argument !== '') throw new Error('tone takes nothing after it')
  return toneOf
}

const kinds: Record<string, Kind> = { tone, has, count, length, format, language }

const shape = /^([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s+(\w+)(?:\s+(.*))?$/is

/** @throws Error that says what was expected */
export function readRule(line: string): Rule {
  const written = line.trim()
  const [, weight, kind = '', argument = ''] = shape.exec(written) ?? []
  if (weight === undefined) throw new Error('a rule is a weight, what is measured and what in, e.g. -2 has refusal')
  if (!Number.isFinite(Number(weight))) throw new Error(`the weight ${weight} is too large`)
  if (!Object.hasOwn(kinds, kind)) throw new Error(`there is no rule "${kind}"; there are ${Object.keys(kinds).join(', ')}`)
  return { line: written, weight: Number(weight), measure: kinds[kind]!(argument) }
}

/** What is wrong with the lines, a message each. */
export function faultsIn(lines: string[]): string[] {
  return lines.flatMap((line, i) => {
    try {
      readRule(line)
      return []
    } catch (error) {
      return [`rule ${i + 1}, "${shortened(line)}": ${(error as Error).message}`]
    }
  })
}

export function shortened(line: string): string {
  return line.length <= 80 ? line : `${line.slice(0, 79)}…`
}
