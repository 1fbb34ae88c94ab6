/** V of all states of a collection, some responses at a time, as there may be more states than memory. */
import type { Network } from '../../model-host/messages/train.ts'
import type { HostClient } from '../models/host-client.ts'
import type { Project } from '../project/project.ts'
import type { LabelledStates } from '../project/responses.ts'
import { refuseDamaged, whole } from './trajectories.ts'

const statesAtOnce = 4096

/**
 * In the order of the shards, so that a disk reads forwards.
 * @param visit gets V of the states of one response
 * @param progress is told the states so far
 * @throws StudioError 'project-damaged', or 'cancelled' by the signal
 */
export async function eachValue(project: Project, host: HostClient, network: Network, responses: LabelledStates[], visit: (response: LabelledStates, values: Float32Array) => void, progress: (states: number) => void, signal: AbortSignal): Promise<void> {
  let done = 0
  for (const part of parts(responses)) {
    await refuseDamaged(project, part, network.inputDim, signal)
    const [values = new Float32Array()] = await host.request('values', { networks: [network], states: part.map((one) => whole(project, one)) }, { signal })
    let offset = 0
    for (const one of part) visit(one, values.subarray(offset, (offset += one.states)))
    progress((done += offset))
  }
}

function* parts(responses: LabelledStates[]): Generator<LabelledStates[]> {
  const sorted = responses.toSorted((a, b) => (a.shard === b.shard ? a.offset - b.offset : a.shard < b.shard ? -1 : 1))
  let part: LabelledStates[] = []
  let states = 0
  for (const one of sorted) {
    part.push(one)
    states += one.states
    if (states < statesAtOnce) continue
    yield part
    part = []
    states = 0
  }
  if (part.length > 0) yield part
}
