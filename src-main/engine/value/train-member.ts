/** The training of one value function in the model host, which goes on from its checkpoint when that dies. */
import type { Epoch, TrainSettings } from '../../contract/value.ts'
import { StudioError, toFailure } from '../../contract/errors.ts'
import type { TrainCheckpoint, TrainEvent, TrainInput, TrainOutput } from '../../model-host/messages/train.ts'
import type { JobContext } from '../jobs/runner.ts'
import type { Models } from '../models/models.ts'
import type { Project } from '../project/project.ts'
import { CheckpointFile, encodeCheckpoint } from './checkpoints.ts'
import type { Sampler, SamplesTell } from './sampler.ts'

export interface TrainTell extends SamplesTell {
  /** A training that goes on tells the epochs of its checkpoint again. */
  epoch(event: { job: number; epoch: Epoch }): void
}

const trainsOnGpu: ReadonlySet<TrainSettings['objective']> = new Set(['semi-gradient', 'full-gradient'])

/**
 * @param member of an ensemble, from 0: its seed is so much above that of the settings
 * @param sampler lets the value function of the moment steer a few answers; null: nobody wants any
 */
export function trainMember(models: Models, project: Project, job: JobContext, settings: TrainSettings, member: number, inputDim: number, trajectories: TrainInput['trajectories'], tell: TrainTell, sampler: Sampler | null): Promise<TrainOutput> {
  const file = new CheckpointFile(project.statesDirectory, job.id, member)
  const { members, epochs } = settings
  const before = member * epochs
  const showFrom = (curve: Epoch[]): void => {
    job.phase(members === 1 ? 'Training' : `Training member ${member + 1} of ${members}`, { done: before + curve.length, total: members * epochs })
    for (const epoch of curve) tell.epoch({ job: job.id, epoch })
  }
  return models.withHost(
    project,
    async (host, progressed) => {
      const checkpoint = readCheckpoint(file, tell)
      if (member === 0 && host.loaded.gpuLayers > 0 && !trainsOnGpu.has(settings.objective)) tell.warn(`${settings.objective} trains on the processor: on a graphics processor there are only ${[...trainsOnGpu].join(' and ')}`)
      showFrom(checkpoint?.curve ?? [])
      let written: Promise<void> = Promise.resolve()
      const onEvent = (event: TrainEvent): void => {
        if (event.kind === 'epoch') {
          const { kind: _kind, ...epoch } = event
          job.progress(before + epoch.epoch)
          tell.epoch({ job: job.id, epoch })
          sampler?.look(host)
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
        epochs,
        patience: settings.patience,
        standardise: settings.standardise,
        seed: settings.seed + member,
        trajectories,
        checkpoint,
        ...(sampler !== null && { snapshots: settings.samples === 'every' ? settings.samplesEvery : 'best' as const }),
        checkpointAtEnd: members > 1 // so that an interruption does not train the members before it again
      }
      try {
        return await host.request('train', input, { signal: job.signal, onEvent })
      } finally {
        await written
      }
    },
    job.signal
  )
}

/** The loss as the trainer has it: Monte Carlo is TD(1). */
function lossOf({ objective, lambda, marginWeight, regulariserWeight }: TrainSettings): Pick<TrainInput, 'objective' | 'lambda' | 'marginWeight' | 'regulariserWeight'> {
  if (objective === 'monte-carlo') return { objective: 'td-lambda', lambda: 1 }
  if (objective === 'difference-of-means' || objective === 'mean-gradient') throw new StudioError('internal', `${objective} is not trained`)
  return { objective, lambda, marginWeight, regulariserWeight }
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
