/** Time a token against the number of responses that run at once, for the base model and for RE-Control: the paper's figure of it. */
import { interleave } from '../interleave.ts'
import { describeNetwork, trainNetwork } from '../networks.ts'
import { recordResponses } from '../responses.ts'
import type { Measurement, PartResult } from '../result.ts'
import { milliseconds, ratios, spreadOf } from '../statistics.ts'
import { prepareSteps } from '../steps.ts'
import type { Subject } from '../subject.ts'
import { rowsText } from './hook.ts'

const responseTokens = 40
const rowCounts = [1, 2, 4, 8, 16]
const hidden = [1024]
const updates = 30

export async function batch(subject: Subject, add: (measurement: Measurement) => void): Promise<Omit<PartResult, 'measurements'>> {
  subject.progress('batch: recording states')
  const responses = await recordResponses(subject, 16, responseTokens)
  const { valueFunction, stepSize30 } = await trainNetwork(subject, responses, hidden)
  for (const rows of rowCounts) {
    subject.progress(`batch: ${rowsText(rows)}`)
    const steps = await prepareSteps(subject, responses.slice(0, rows))
    const controls = [{ valueFunction, stepSize: stepSize30, updates, rows: Int32Array.from({ length: rows }, (_, row) => row) }]
    await steps.step(controls) // prepares what the ascent needs
    const [base = [], controlled = []] = await interleave([async () => (await steps.step()).seconds, async () => (await steps.step(controls)).seconds], { seconds: 6, most: 60 })
    steps.free()
    const perToken = (seconds: number[]): number[] => seconds.map((s) => (1000 * s) / rows)
    add({ group: 'ms a token, base', label: rowsText(rows), unit: 'ms', spread: spreadOf(perToken(base)), details: { 'step, ms': milliseconds(base) }, note: null })
    add({ group: 'ms a token, RE-Control', label: rowsText(rows), unit: 'ms', spread: spreadOf(perToken(controlled)), details: { 'step, ms': milliseconds(controlled) }, note: null })
    add({ group: 'RE-Control over base', label: rowsText(rows), unit: 'ratio', spread: ratios(controlled, base), details: {}, note: null })
  }
  return {
    name: 'batch',
    title: 'Time a token against batch size',
    about: `Every round takes one step of the base model and one with ${updates} updates on ${describeNetwork(hidden)}, on the same tokens; a token's time is the step's over its rows.`
  }
}
