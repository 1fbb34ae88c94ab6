/** Which prompts are answered with edits: the value of a prompt's last state, read by the model before anything is generated. */
import type { ControlInput, GenerationRequest } from '../../model-host/messages/generate.ts'
import type { HostClient } from '../models/host-client.ts'
import type { ControlPlan, GatePlan } from './method.ts'

/** An edit of nothing, which tells the value. */
export const reading = (valueFunction: number): ControlPlan => ({
  terms: [{ valueFunction, weight: 1 }],
  linear: false, alpha: 0, updates: 0, target: null, tolerance: 0, maxEdit: null
})

export interface Gated {
  /** of the task */
  key: number
  gate: GatePlan
  /** that reads the gate's value function */
  control: ControlInput
  prompt: GenerationRequest['prompt']
}

/** @returns the keys of the tasks to be edited; one whose prompt the model cannot take is not among them */
export async function openGates(host: HostClient, tasks: Gated[], options: { parallel: number; deterministic: boolean; signal: AbortSignal }): Promise<Set<number>> {
  const open = new Set<number>()
  if (tasks.length === 0) return open
  const gates = new Map(tasks.map(({ key, gate }) => [key, gate]))
  const { signal, ...how } = options
  const requests = tasks.map(({ key, control, prompt }): GenerationRequest => ({ key, prompt, control, seed: 0, sampling: { temperature: 0, topK: 0, topP: 1, minP: 0 }, maxTokens: 1 }))
  await host.request('generate', { ...how, requests, states: false, tokens: false }, {
    signal,
    onEvent: (event) => {
      if (event.kind !== 'finished') return
      const { side, threshold } = gates.get(event.key) as GatePlan
      const value = event.valueBefore[0] ?? NaN
      if (side === 'below' ? value < threshold : value > threshold) open.add(event.key)
    }
  })
  return open
}
