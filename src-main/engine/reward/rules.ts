/** Rules: a weighted sum of what can be counted in a response's text; see rules/read.ts for their language. */
import { z } from 'zod'
import { StudioError } from '../../contract/errors.ts'
import { byRule } from './by-rule.ts'
import { limited } from './rules/limited.ts'
import { faultsIn, readRule, shortened } from './rules/read.ts'
import type { Rule } from './rules/rule.ts'
import type { RewardSource } from './source.ts'

/** Of one response, all rules together. It blocks the engine as long. */
const limitMs = 250
const timeOutsInARow = 5

const settings = z.object({
  rules: z
    .array(z.string().max(20_000))
    .min(1)
    .max(200)
    .superRefine((lines, context) => faultsIn(lines).forEach((message) => context.addIssue({ code: 'custom', message })))
    .meta({
      title: 'Rules',
      description:
        'One a line, a weight and what it counts; the reward is their sum. ' +
        '"1 tone" (mean AFINN valence a word), "-2 has refusal" (1 or 0), "-1 count toxicity" (how often), "-0.5 count words sorry, unfortunately", ' +
        '"1 has /regex/i", "-0.01 length words over 120" (words, characters or sentences; over N, under N, between N and M), ' +
        '"2 format json" (or list, finished), "1 language en"'
    })
})

/** A rule's value in its own unit, or why it has none. */
type Found = { value: number } | { failure: string; timeOut: boolean }

export const rules: RewardSource<typeof settings> = {
  name: 'rules',
  title: 'Rules',
  description: 'A weighted sum of rules on the text: regular expressions, word lists, tone, length, format, language.',
  settings,

  open({ rules: lines }, { signal }) {
    const read = lines.map(readRule)
    let timeOuts = 0
    return Promise.resolve(
      byRule(({ text }) => {
        const found = findings(read, text)
        const late = found.findIndex((one) => 'failure' in one && one.timeOut)
        timeOuts = late === -1 ? 0 : timeOuts + 1
        if (timeOuts === timeOutsInARow) {
          throw new StudioError('bad-request', `${named(read, late)} took longer than ${limitMs} ms on ${timeOuts} responses in a row; write its regular expression in a way that backtracks less`)
        }
        return sum(read, found)
      }, signal)
    )
  },

  preview({ rules: lines }, { first }) {
    if (first === null) return Promise.resolve({ sample: null, facts: [] })
    const read = lines.map(readRule)
    const found = findings(read, first.text)
    const facts = read.map(({ line, weight }, i) => ({ name: `${i + 1}. ${shortened(line)}`, value: inWords(weight, found[i]) }))
    return Promise.resolve({ sample: first.text, facts: [...facts, { name: 'Reward', value: sumInWords(read, found) }] })
  }
}

/** One a rule, as far as the time goes. */
function findings(read: Rule[], text: string): Found[] {
  const found: Found[] = []
  const inTime = limited(limitMs, () => {
    for (const { measure } of read) found.push(finding(measure, text))
  })
  if (!inTime) found.push({ failure: `it took longer than ${limitMs} ms`, timeOut: true })
  return found
}

function finding(measure: Rule['measure'], text: string): Found {
  try {
    return { value: measure(text) }
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error), timeOut: false }
  }
}

/** @throws Error where a rule has no value */
function sum(read: Rule[], found: Found[]): number {
  let total = 0
  for (const [i, one] of found.entries()) {
    if ('failure' in one) throw new Error(`${named(read, i)}: ${one.failure}`)
    total += read[i]!.weight * one.value
  }
  return total
}

function sumInWords(read: Rule[], found: Found[]): string {
  try {
    return String(rounded(sum(read, found)))
  } catch (error) {
    return `none: ${(error as Error).message}`
  }
}

function inWords(weight: number, found: Found | undefined): string {
  if (found === undefined) return 'not tried'
  return 'failure' in found ? `none: ${found.failure}` : `${weight} x ${rounded(found.value)} = ${rounded(weight * found.value)}`
}

function named(read: Rule[], index: number): string {
  return `rule ${index + 1}, ${shortened(read[index]?.line ?? '')}`
}

function rounded(value: number): number {
  return Number(value.toPrecision(6))
}
