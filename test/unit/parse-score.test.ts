import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseScore, verdictOf } from '../../src-main/engine/reward/parse-score.ts'

const scale = { min: 1, max: 10 }

test.each([
  ['Score: 7', 7],
  ['It is fine.\n\nScore: 7', 7],
  ['score : 7.5\n', 7.5],
  ['**Score: 7**', 7],
  ['**Score:** 7', 7],
  ['Final score: `7`.', 7],
  ['Score: 8/10', 8],
  ['Score: 8 / 10', 8],
  ['Score: +3', 3],
  ['Score: 10', 10],
  ['Score: 1\r\nThank you.', 1],
  ['I end with "Score: N".\nScore: 4', 4],
  ['Score: 5\nas I said:\nScore: 5', 5],
  ['<think>Score: 3? No.</think>\nScore: 6', 6]
])('%j is %d', (answer, score) => {
  expect(parseScore(answer, scale)).toBe(score)
})

test.each([
  ['', /no line/],
  ['It is a good response.', /no line/],
  ['7', /no line/],
  ['underscore: 7', /no line/],
  ['Score 7', /no line/],
  ['Score:', /exactly one number/],
  ['Score:\n7', /exactly one number/],
  ['Score: NaN', /exactly one number/],
  ['Score: Infinity', /exactly one number/],
  ['Score: seven', /exactly one number/],
  ['Score: 7 or 8', /exactly one number/],
  ['Score: 7-8', /exactly one number/],
  ['Score: 7, because it is short', /exactly one number/],
  ['Score: 1e1', /exactly one number/],
  ['Score: 0x7', /exactly one number/],
  ['Score: 7,5', /exactly one number/],
  ['Score: ٧', /exactly one number/],
  ['Score: 4/5', /exactly one number/],
  ['Score: 80%', /exactly one number/],
  ['Score: 4\nScore: unclear', /exactly one number/],
  ['Score: 3\nScore: 4', /several scores \(3 and 4\)/],
  ['Score: 3 Score: 4', /several scores/],
  ['Helpfulness score: 3, harmlessness score: 4', /several scores \(3 and 4\)/],
  ['Score: 0', /0 is not between 1 and 10/],
  ['Score: 11', /11 is not between 1 and 10/],
  ['Score: -3', /-3 is not between/],
  ['Score: 99999999999999999999999', /not between/]
])('%j has no score', (answer, reason) => {
  expect(() => parseScore(answer, scale)).toThrow(reason)
})

test('another scale has other bounds', () => {
  expect(parseScore('Score: -0.5', { min: -1, max: 1 })).toBe(-0.5)
  expect(parseScore('Score: 4/5', { min: 1, max: 5 })).toBe(4)
  expect(() => parseScore('Score: 8/10', { min: 1, max: 5 })).toThrow(/exactly one number/)
})

test('whatever a judge writes, a score is on the scale and is a number that its answer holds', () => {
  const words = fc.constantFrom('Score:', 'score', ':', '**', '\n', ' ', '/', '10', '7', '-3', '0.5', 'NaN', '.', '8/10', '</think>', 'good', '١')
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.array(words, { maxLength: 12 }).map((parts) => parts.join(''))), (answer) => {
      const verdict = verdictOf({ text: answer, cutOff: false }, scale)
      if ('failure' in verdict) return verdict.failure !== ''
      return verdict.value >= 1 && verdict.value <= 10 && /score/i.test(answer) && [...answer.matchAll(/\d*\.?\d+/g)].some(([text]) => Number(text) === verdict.value)
    }),
    { numRuns: 3000 }
  )
})

describe('a failure', () => {
  test('shows the end of the answer on one line', () => {
    const { failure } = verdictOf({ text: `${'long '.repeat(200)}\nI cannot say.`, cutOff: false }, scale) as { failure: string }
    expect(failure).toMatch(/no line "Score: N"; it ends with "\.\.\..*I cannot say\."$/)
    expect(failure.length).toBeLessThan(300)
  })

  test('an answer that was cut off gives no score: "Score: 1" may have become 10', () => {
    expect(verdictOf({ text: 'Score: 1', cutOff: true }, scale)).toEqual({ failure: expect.stringContaining('cut off') as string })
  })
})
