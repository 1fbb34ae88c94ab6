/** The responses that a value function is trained on, and those of them that it must not see. */
import { createHash } from 'node:crypto'
import { setImmediate as breathe } from 'node:timers/promises'
import type { TrainSettings } from '../../contract/value.ts'
import { StudioError } from '../../contract/errors.ts'
import type { StoredStates } from '../../model-host/messages/train.ts'
import { stateProblem } from '../collect/shards.ts'
import { ownShard } from '../project/own-files.ts'
import type { Project } from '../project/project.ts'
import type { LabelledStates, ResponseStates } from '../project/responses.ts'

/** @throws StudioError when there are too few labelled responses, or when states on the disk are damaged */
export async function wholeTrajectories(project: Project, { collection, source }: TrainSettings, inputDim: number, signal: AbortSignal): Promise<LabelledStates[]> {
  const trajectories = project.responses.labelledStates(collection, source)
  if (trajectories.length < 2) {
    throw new StudioError('bad-request', `collection ${collection} has ${trajectories.length} responses with a reward by ${source}; label it first`)
  }
  await refuseDamaged(project, trajectories, inputDim, signal)
  return trajectories
}

/** @throws StudioError 'project-damaged', or 'cancelled' by the signal */
export async function refuseDamaged(project: Project, responses: ResponseStates[], inputDim: number, signal: AbortSignal): Promise<void> {
  const problems: string[] = []
  let breathed = performance.now()
  for (const t of responses) {
    const problem = stateProblem(project.statesDirectory, { ...t, bytes: t.states * inputDim * 2 })
    if (problem !== null) problems.push(`response ${t.response}: ${problem}`)
    if (performance.now() - breathed < 50) continue
    await breathe() // there may be more states than memory: the engine does other things, too
    signal.throwIfAborted()
    breathed = performance.now()
  }
  if (problems.length > 0) {
    throw new StudioError('project-damaged', `the states of ${problems.length} of ${responses.length} responses are damaged; collect them again`, { details: problems.join('\n') })
  }
}

/** The examples whose responses validate: all samples of a prompt are on the same side. */
export function validationExamples(trajectories: { example: number }[], settings: Pick<TrainSettings, 'seed' | 'validation'>): Set<number> {
  const rank = (example: number): string => createHash('sha256').update(`${settings.seed}/${example}`).digest('hex')
  const examples = [...new Set(trajectories.map((t) => t.example))].map((example) => ({ example, rank: rank(example) }))
  examples.sort((a, b) => (a.rank < b.rank ? -1 : 1))
  return new Set(examples.slice(0, Math.round(examples.length * settings.validation)).map(({ example }) => example))
}

/** All states of a response, as the model host reads them. */
export function whole(project: Project, { shard, offset, states }: ResponseStates): StoredStates {
  return { file: ownShard(project.statesDirectory, shard), offset, count: states }
}

/** The last one alone. */
export function lastState(project: Project, { shard, offset, states }: ResponseStates, inputDim: number): StoredStates {
  return { file: ownShard(project.statesDirectory, shard), offset: offset + (states - 1) * inputDim * 2, count: 1 }
}
