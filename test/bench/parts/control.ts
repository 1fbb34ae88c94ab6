/** Time of a controlled step over the same step of the base model. */
import { milliseconds, ratios } from '../statistics.ts'
import { interleave, timed } from '../interleave.ts'
import { describeNetwork, relativeLength, trainNetwork, type TrainedNetwork } from '../networks.ts'
import { recordResponses, type Response } from '../responses.ts'
import type { Measurement, PartResult } from '../result.ts'
import { prepareSteps, type Steps } from '../steps.ts'
import type { Control } from '../../../native/llama.ts'
import type { Subject } from '../subject.ts'
import { rowsText } from './hook.ts'

const responseTokens = 40
const rowCounts = [1, 4, 16]
const updateCounts = [10, 30, 200]
/** the networks that the targets name get more rounds, and are taken apart */
const targetNetworks = [[2048], [2048, 1024]]
const otherNetworks = [[1024], [4096], [1024, 512], [4096, 2048]]
/** A step this much longer than the base's is shown by its first time only: five rounds of it would take minutes. */
const tooSlowSeconds = 4

export async function control(subject: Subject, add: (measurement: Measurement) => void): Promise<Omit<PartResult, 'measurements'>> {
  subject.progress('control: recording states')
  const responses = await recordResponses(subject, 16, responseTokens)
  const networks: TrainedNetwork[] = []
  for (const hidden of [...targetNetworks, ...(subject.quick ? [] : otherNetworks)]) {
    subject.progress(`control: training ${describeNetwork(hidden)}`)
    networks.push(await trainNetwork(subject, responses, hidden))
  }
  for (const rows of rowCounts) {
    const own = responses.slice(0, rows)
    const steps = await prepareSteps(subject, own)
    for (const network of networks) {
      subject.progress(`control: ${rowsText(rows)}, ${describeNetwork(network.hidden)}`)
      await measureNetwork(subject, steps, own, network, add)
    }
    steps.free()
  }
  return {
    name: 'control',
    title: 'Control: time per step over the base model',
    about:
      'Every round takes one step of the base model and one of each number of updates n, on the same tokens at the same positions; ' +
      'the ratio is taken round by round. The value functions were trained on states of this model; the step size is chosen so that 30 updates move a state by about 0.4 of its length; ' +
      'n updates take 30/n of that step size, so that their path is about as long, unless it says otherwise.'
  }
}

interface Variant {
  label: string
  updates: number
  stepSize: number
}

async function measureNetwork(subject: Subject, steps: Steps, responses: Response[], network: TrainedNetwork, add: (measurement: Measurement) => void): Promise<void> {
  const rows = responses.length
  const group = describeNetwork(network.hidden)
  const isTarget = targetNetworks.some((hidden) => describeNetwork(hidden) === group)
  const controlsOf = ({ updates, stepSize }: Variant): Control[] => [
    { valueFunction: network.valueFunction, stepSize, updates, rows: Int32Array.from({ length: rows }, (_, row) => row) }
  ]
  const variants = updateCounts.map((updates): Variant => ({ label: `${rowsText(rows)}, n = ${updates}`, updates, stepSize: (network.stepSize30 * 30) / updates }))
  if (isTarget && rows === 1) variants.push({ label: '1 row, n = 200, step size of n = 30', updates: 200, stepSize: network.stepSize30 })

  // the first step of each also prepares what its ascent needs
  const measured: (Variant & { edit: number })[] = []
  for (const variant of variants) {
    const { seconds, decoded } = await steps.step(controlsOf(variant))
    const edit = decoded.edited === null ? 0 : relativeLength(decoded.edited.map((x, i) => x - (decoded.states[i] as number)), decoded.states, subject.facts.stateSize)
    if (seconds <= tooSlowSeconds) measured.push({ ...variant, edit })
    else add({ group, label: variant.label, unit: 'ratio', spread: null, details: {}, note: `not repeated: its first step took ${seconds.toFixed(1)} s` })
  }
  const [base = [], ...controlled] = await interleave(
    [async () => (await steps.step()).seconds, ...measured.map((variant) => async () => (await steps.step(controlsOf(variant))).seconds)],
    { seconds: isTarget ? 12 : 3, most: 60 }
  )
  for (const [at, variant] of measured.entries()) {
    const times = controlled[at] ?? []
    const details: Record<string, number> = { 'base, ms': milliseconds(base), 'controlled, ms': milliseconds(times), 'edit, |Δh|/|h|': variant.edit, 'step size in h': variant.stepSize }
    if (isTarget) details['the ascent alone, ms'] = await ascentAlone(subject, responses, network, variant)
    add({ group, label: variant.label, unit: 'ratio', spread: ratios(times, base), details, note: null })
  }
}

/** The same ascent on the same states without the model around it: the caches are its own. */
async function ascentAlone(subject: Subject, responses: Response[], network: TrainedNetwork, { updates, stepSize }: Variant): Promise<number> {
  const D = subject.facts.stateSize
  const states = Float32Array.from(responses.flatMap((response) => [...response.states.subarray(-D)]))
  const [times = []] = await interleave([() => timed(() => void network.valueFunction.ascend(states, { updates, stepSize }))], { seconds: 0.3, most: 20 })
  return milliseconds(times)
}
