/**
 * A linear value function from a bent one: V(h) = g . h + b along the mean gradient g of the other over the training
 * states, so that Static RE can steer in that one direction. b makes V right on average over them.
 */
import { StudioError } from '../../contract/errors.ts'
import type { Network } from '../../model-host/messages/train.ts'
import type { HostClient } from '../models/host-client.ts'
import type { Project } from '../project/project.ts'
import type { LabelledStates } from '../project/responses.ts'
import { epochFigures } from './epoch-figures.ts'
import type { LinearValue } from './mean-difference.ts'
import { whole } from './trajectories.ts'

/**
 * @param of the other value function
 * @param rewards standardised with `rewardScale`, one a trajectory
 * @throws StudioError 'bad-request' where it takes states of another length
 */
export async function meanGradient(host: HostClient, project: Project, of: number, inputDim: number, trajectories: LabelledStates[], rewards: number[], rewardScale: number, validation: boolean[], signal: AbortSignal): Promise<LinearValue> {
  const other = project.valueFunctions.detail(of)
  if (other.inputDim !== inputDim) throw new StudioError('bad-request', `value function ${of} takes states of ${other.inputDim} numbers, this collection's have ${inputDim}: it belongs to another model`)
  const training = trajectories.filter((_, i) => validation[i] !== true)
  const { gradient, state } = await host.request('gradient.mean', { network: project.valueFunctions.network(of), states: training.map((t) => whole(project, t)) }, { signal })
  if (gradient.every((x) => x === 0)) throw new StudioError('bad-request', `value function ${of} has no gradient at any of these states`)
  // V may be in other units of the reward
  const weight = gradient.map((x) => (x * other.rewardScale) / rewardScale)
  const states = training.reduce((sum, t) => sum + t.states, 0)
  const meanReward = trajectories.reduce((sum, t, i) => (validation[i] === true ? sum : sum + (t.states / states) * (rewards[i] as number)), 0)
  const intercept = meanReward - weight.reduce((sum, w, d) => sum + w * (state[d] as number), 0)
  const network: Network = { inputDim, layers: [{ weight: Float32Array.from(weight), bias: Float32Array.of(intercept) }] }

  const [values = new Float32Array()] = await host.request('values', { networks: [network], states: trajectories.map((t) => whole(project, t)) }, { signal })
  let offset = 0
  const V = trajectories.map((t) => values.subarray(offset, (offset += t.states)))
  return { layers: network.layers, predicted: Float32Array.from(V, (own) => own.at(-1) ?? 0), epoch: epochFigures(V, rewards, validation), scale: other.scale }
}
