/** The train job: a value function from a collection's states and one source's rewards. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { setImmediate as breathe } from 'node:timers/promises'
import { mean, standardDeviation } from 'simple-statistics'
import type { Epoch, TrainSettings } from '../../contract/entities.ts'
import { StudioError, toFailure } from '../../contract/errors.ts'
import type { TrainCheckpoint, TrainEvent, TrainInput, TrainOutput } from '../../model-host/messages.ts'
import { manifestOf } from '../collect/manifest.ts'
import { stateProblem } from '../collect/shards.ts'
import type { JobWork } from '../jobs/runner.ts'
import type { Models } from '../models/models.ts'
import type { Project } from '../project/project.ts'
import type { LabelledStates } from '../project/responses.ts'
import { CheckpointFile, encodeCheckpoint } from './checkpoints.ts'
import { meanDifference } from './mean-difference.ts'

const calibrationPoints = 2000

export interface TrainTell {
  /** A training that goes on tells the epochs of its checkpoint again. */
  epoch(event: { job: number; epoch: Epoch }): void
  warn(text: string): void
}

export function trainWork(models: Models, tell: TrainTell): JobWork<TrainSettings> {
  return {
    unit: 'epochs',
    title: ({ source, collection }) => `Train on ${source} of collection ${collection}`,

    async run(settings, project, job) {
      job.phase('Checking the states', { done: 0, total: settings.epochs })
      const inputDim = project.collections.inputDim(project.collections.get(settings.collection).id)
      const trajectories = await wholeTrajectories(project, settings, inputDim, job.signal)
      const rewards = trajectories.map((t) => t.reward)
      const rewardMean = settings.standardise ? mean(rewards) : 0
      const rewardScale = settings.standardise ? standardDeviation(rewards) : 1
      if (rewardScale === 0) throw new StudioError('bad-request', `all ${rewards.length} rewards are the same (${rewards[0]}), so there is nothing to learn from them`)
      const validation = validationExamples(trajectories, settings)

      const file = new CheckpointFile(project.statesDirectory, job.id)
      const showFrom = (curve: Epoch[]): void => {
        job.phase('Training', { done: curve.length, total: settings.epochs })
        for (const epoch of curve) tell.epoch({ job: job.id, epoch })
      }
      const trained = (): Promise<TrainOutput> => models.withHost(
        project,
        async (host, progressed) => {
          const checkpoint = readCheckpoint(file, tell)
          showFrom(checkpoint?.curve ?? [])
          let written: Promise<void> = Promise.resolve()
          const onEvent = (event: TrainEvent): void => {
            if (event.kind === 'epoch') {
              const { kind: _kind, ...epoch } = event
              job.progress(epoch.epoch)
              tell.epoch({ job: job.id, epoch })
            } else if (event.kind === 'started-over') {
              tell.warn(`The training starts over: ${event.reason}`)
              showFrom([])
            } else {
              written = file.write(encodeCheckpoint(event.checkpoint, inputDim)).then(progressed, (error: unknown) => {
                tell.warn(`The training goes on, but would start over after an interruption: ${toFailure(error).message}`)
              })
            }
          }
          const input: TrainInput = {
            network: { inputDim, hiddenDims: new Array<number>(settings.layers).fill(settings.hidden) },
            ...lossOf(settings),
            learningRate: settings.learningRate,
            weightDecay: settings.weightDecay,
            clipNorm: settings.clipNorm,
            warmupSteps: settings.warmupSteps,
            batchStates: settings.batch,
            epochs: settings.epochs,
            patience: settings.patience,
            standardise: settings.standardise,
            seed: settings.seed,
            trajectories: trajectories.map((t) => ({
              file: join(project.statesDirectory, t.shard),
              offset: t.offset,
              count: t.states,
              reward: (t.reward - rewardMean) / rewardScale,
              validation: validation.has(t.example)
            })),
            checkpoint
          }
          try {
            return await host.request('train', input, { signal: job.signal, onEvent })
          } finally {
            await written
          }
        },
        job.signal
      )
      const computed = async (): Promise<TrainOutput> => {
        job.phase('Comparing the means', { done: 0, total: 1 })
        const standardised = rewards.map((reward) => (reward - rewardMean) / rewardScale)
        const { scale, epoch, ...best } = await meanDifference(project.statesDirectory, inputDim, trajectories, standardised, trajectories.map((t) => validation.has(t.example)), job.signal)
        tell.epoch({ job: job.id, epoch })
        return { best: { epoch: 1, error: epoch.returnError, ...best }, scale: settings.standardise ? scale : 1, curve: [epoch], failure: null, trainedOn: 'CPU' }
      }
      const { best, scale, curve, failure, trainedOn } = await (settings.objective === 'difference-of-means' ? computed() : trained())

      const held = trajectories.map((t, i) => ({ ...t, predicted: best.predicted[i] ?? 0 })).filter((t) => validation.size === 0 || validation.has(t.example))
      const id = project.valueFunctions.add({
        name: `${settings.source}, ${describeShape(settings)}`,
        collection: settings.collection,
        source: settings.source,
        network: { inputDim, layers: best.layers },
        scale,
        rewardMean,
        rewardScale,
        settings,
        bestEpoch: best.epoch,
        curve,
        manifest: { ...manifestOf((await models.use(project)).loaded, settings), trainedOn },
        calibration: held.slice(0, calibrationPoints).map((t) => ({ reward: t.reward, predicted: rewardMean + rewardScale * t.predicted }))
      })
      job.subject(id)
      if (failure !== null) throw new StudioError('bad-request', `${failure}. The best epoch before that, ${best.epoch}, is kept as value function ${id}`)
      job.progress(curve.length, curve.length)
    },

    discard: (id, project) => project.valueFunctions.delete(id),

    forget: (job, project) => new CheckpointFile(project.statesDirectory, job).delete()
  }
}

function describeShape({ objective, layers, hidden }: TrainSettings): string {
  if (objective === 'difference-of-means') return 'difference of means'
  return layers === 0 ? 'linear' : `${layers} x ${hidden}`
}

/** The loss as the trainer has it: Monte Carlo is TD(1). */
function lossOf({ objective, lambda }: TrainSettings): Pick<TrainInput, 'objective' | 'lambda'> {
  if (objective === 'monte-carlo') return { objective: 'td-lambda', lambda: 1 }
  if (objective === 'difference-of-means') throw new StudioError('internal', 'the difference of means is not trained')
  return { objective, lambda }
}

/** A damaged one counts as none. */
function readCheckpoint(file: CheckpointFile, tell: TrainTell): TrainCheckpoint | null {
  try {
    return file.read()
  } catch (error) {
    tell.warn(`The training starts over: ${toFailure(error).message}`)
    return null
  }
}

/** @throws StudioError when there are too few labelled responses, or when states on the disk are damaged */
async function wholeTrajectories(project: Project, { collection, source }: TrainSettings, inputDim: number, signal: AbortSignal): Promise<LabelledStates[]> {
  const trajectories = project.responses.labelledStates(collection, source)
  if (trajectories.length < 2) {
    throw new StudioError('bad-request', `collection ${collection} has ${trajectories.length} responses with a reward by ${source}; label it first`)
  }
  const problems: string[] = []
  let breathed = performance.now()
  for (const t of trajectories) {
    const problem = stateProblem(project.statesDirectory, { ...t, bytes: t.states * inputDim * 2 })
    if (problem !== null) problems.push(`response ${t.response}: ${problem}`)
    if (performance.now() - breathed < 50) continue
    await breathe() // there may be more states than memory: the engine does other things, too
    signal.throwIfAborted()
    breathed = performance.now()
  }
  if (problems.length > 0) {
    throw new StudioError('project-damaged', `the states of ${problems.length} of ${trajectories.length} responses are damaged; collect them again`, { details: problems.join('\n') })
  }
  return trajectories
}

/** The examples whose responses validate: all samples of a prompt are on the same side. */
function validationExamples(trajectories: LabelledStates[], settings: TrainSettings): Set<number> {
  const rank = (example: number): string => createHash('sha256').update(`${settings.seed}/${example}`).digest('hex')
  const examples = [...new Set(trajectories.map((t) => t.example))].map((example) => ({ example, rank: rank(example) }))
  examples.sort((a, b) => (a.rank < b.rank ? -1 : 1))
  return new Set(examples.slice(0, Math.round(examples.length * settings.validation)).map(({ example }) => example))
}
