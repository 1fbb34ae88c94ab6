/** The score in a judge's answer: read strictly, because a number that was never meant would be a wrong reward. */

import type { Verdict } from './source.ts'

export interface Answer {
  text: string
  /** it ended at the most tokens that it may have */
  cutOff: boolean
}

export interface Scale {
  min: number
  max: number
}

const mark = /(?<![\p{L}\p{N}])score[*_`\s]*:/giu
const aNumber = /^([-+]?(?:\d+(?:\.\d+)?|\.\d+))(?:\s*\/\s*(\d+(?:\.\d+)?))?\.?$/
const emphasis = /[*_`]/g
const shownCharacters = 200

/**
 * What a judge's answer is worth. The reason for a failure shows the answer's end, where the score should be.
 * @param shown the answer as a message may show it
 */
export function verdictOf({ text, cutOff }: Answer, scale: Scale, shown = text): Verdict {
  try {
    if (cutOff) throw new Error('the answer was cut off at the most tokens that it may have')
    return { value: parseScore(text, scale) }
  } catch (error) {
    const line = shown.replaceAll(/\s+/g, ' ').trim()
    const end = line.length <= shownCharacters ? line : `...${line.slice(-shownCharacters)}`
    return { failure: `the judge gave no score: ${error instanceof Error ? error.message : String(error)}; it ends with "${end}"` }
  }
}

/**
 * The number after the last "Score:". A second number may only be the scale's upper end, as in 8/10; whatever stands
 * after an earlier "Score:" may be no number, but not another one. What a model thought in <think> does not count.
 * @throws Error whose message says why there is no score
 */
export function parseScore(answer: string, { min, max }: Scale): number {
  const said = answer.slice(answer.lastIndexOf('</think>') + 1) // all of it without one
  const marks = [...said.matchAll(mark)]
  if (marks.length === 0) throw new Error('the answer has no line "Score: N"')
  const lines = marks.map((found, i) => lineOf(said.slice(found.index + found[0].length, marks[i + 1]?.index)))
  const score = valueOf(lines.at(-1) ?? '', max)
  if (score === null) throw new Error('there is not exactly one number after its last "Score:"')
  const other = lines.map(firstNumber).find((value) => value !== null && value !== score) ?? null
  if (other !== null) throw new Error(`it gives several scores (${other} and ${score})`)
  if (score < min || score > max) throw new Error(`its score ${score} is not between ${min} and ${max}`)
  return score
}

function lineOf(rest: string): string {
  const [line = ''] = rest.split(/[\n\r\u2028\u2029]/, 1)
  return line.replace(emphasis, '').trim()
}

function firstNumber(line: string): number | null {
  const [number] = /[-+]?(?:\d+(?:\.\d+)?|\.\d+)/.exec(line) ?? []
  return number === undefined ? null : Number(number)
}

/** null where the line is not exactly a number */
function valueOf(line: string, max: number): number | null {
  const [, number, outOf] = aNumber.exec(line) ?? []
  if (number === undefined || (outOf !== undefined && Number(outOf) !== max)) return null
  return Number(number)
}
