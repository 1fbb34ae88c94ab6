/**
 * Runs the native trainer epoch by epoch and keeps the best: the epoch whose values predict the reward of unseen
 * responses best, token by token. The Bellman loss itself cannot tell: a flat V has nearly none, so that its smallest
 * value on unseen responses comes after an epoch or two, long before V has learned anything.
 */
import { availableParallelism } from 'node:os'
import { Trainer, type EpochResult } from '../../native/trainer.ts'
import type { Epoch } from '../contract/value.ts'
import { StudioError } from '../contract/errors.ts'
import type { BestEpoch, Layer, TrainEvent, TrainInput, TrainOutput } from './messages/train.ts'

const checkpointEveryMs = 10_000

/** What V was after an epoch. */
export interface Snapshot {
  epoch: number
  scale: number
  layers: Layer[]
}

/** @param gpu trains there, and on the processor only where it cannot or has no such objective; null: on the processor */
export async function train(input: TrainInput, gpu: string | null, emit: (event: TrainEvent) => void, signal: AbortSignal, snap: (snapshot: Snapshot) => void = () => {}): Promise<TrainOutput> {
  const inGraphs = input.objective === 'semi-gradient' || input.objective === 'full-gradient'
  if (gpu === null || !inGraphs) return trainOn(null, input, emit, signal, snap)
  let { checkpoint } = input
  const keeping = (event: TrainEvent): void => {
    if (event.kind === 'checkpoint') checkpoint = event.checkpoint
    emit(event)
  }
  try {
    return await trainOn(gpu, input, keeping, signal, snap)
  } catch (error) {
    if (codeOf(error) !== 'device-failed') throw error
    emit({ kind: 'started-over', reason: `${(error as Error).message}; it goes on on the processor` })
    for (const epoch of checkpoint?.curve ?? []) emit({ kind: 'epoch', ...epoch })
    return trainOn(null, { ...input, checkpoint }, emit, signal, snap)
  }
}

async function trainOn(device: string | null, input: TrainInput, emit: (event: TrainEvent) => void, signal: AbortSignal, snap: (snapshot: Snapshot) => void): Promise<TrainOutput> {
  const trainer = createTrainer(input, device)
  const trainedOn = device ?? 'CPU'
  signal.addEventListener('abort', () => trainer.cancel())
  let { curve, best } = await begin(trainer, input, emit)
  refuseAborted(signal)

  // without validation trajectories the last epoch counts as the best
  const validates = input.trajectories.some((trajectory) => 'validation' in trajectory && trajectory.validation)
  const interruptions = new Interruptions(trainer)
  try {
    while (curve.length < input.epochs && !(input.patience > 0 && best !== null && curve.length - best.epoch >= input.patience)) {
      const result = await interruptions.run(() => trainer.epoch())
      if (result !== null) {
        const epoch = toEpoch(curve.length + 1, result, validates)
        const isBest = best === null || !validates || epoch.returnError < best.error
        if (isBest) best = { epoch: epoch.epoch, error: epoch.returnError, layers: trainer.layers(), predicted: await trainer.predict() }
        if (input.snapshots === 'best' ? isBest : epoch.epoch % (input.snapshots || Infinity) === 0) snap({ epoch: epoch.epoch, scale: trainer.scale, layers: isBest && best !== null ? best.layers : trainer.layers() })
        curve = [...curve, epoch]
        emit({ kind: 'epoch', ...epoch })
      }
      if (interruptions.takeDue() || signal.aborted) emit({ kind: 'checkpoint', checkpoint: { trainer: trainer.save(), curve, best } })
      refuseAborted(signal)
    }
    if (best === null) throw new Error('training needs at least one epoch')
    if (input.checkpointAtEnd === true) emit({ kind: 'checkpoint', checkpoint: { trainer: trainer.save(), curve, best } })
    return { best, scale: trainer.scale, curve, trainedOn, failure: null }
  } catch (error) {
    if (codeOf(error) !== 'not-finite') throw toStudioError(error)
    if (best === null) throw new StudioError('bad-request', (error as Error).message)
    return { best, scale: trainer.scale, curve, trainedOn, failure: (error as Error).message }
  } finally {
    interruptions.stop()
  }
}

/** Interrupts what runs when a checkpoint is due; the trainer goes on where it was. */
class Interruptions {
  #due = false
  #running = false
  readonly #clock: NodeJS.Timeout

  constructor(trainer: Trainer) {
    this.#clock = setInterval(() => {
      this.#due = true
      if (this.#running) trainer.cancel()
    }, checkpointEveryMs)
  }

  /** null when it was interrupted */
  async run<T>(work: () => Promise<T>): Promise<T | null> {
    this.#running = true
    try {
      return await work()
    } catch (error) {
      if (codeOf(error) !== 'cancelled') throw error
      return null
    } finally {
      this.#running = false
    }
  }

  takeDue(): boolean {
    const due = this.#due
    this.#due = false
    return due
  }

  stop(): void {
    clearInterval(this.#clock)
  }
}

function createTrainer(input: TrainInput, device: string | null): Trainer {
  const { network, objective, lambda, marginWeight, regulariserWeight, learningRate, weightDecay, clipNorm, warmupSteps, batchStates, seed, standardise } = input
  return new Trainer(
    { ...network, objective, lambda, marginWeight, regulariserWeight, learningRate, weightDecay, clipNorm, warmupSteps, batchStates, seed, standardise, device, threads: availableParallelism() },
    input.trajectories
  )
}

async function begin(trainer: Trainer, { checkpoint }: TrainInput, emit: (event: TrainEvent) => void): Promise<{ curve: Epoch[]; best: BestEpoch | null }> {
  if (checkpoint !== null) {
    try {
      trainer.restore(checkpoint.trainer)
      return checkpoint
    } catch (error) {
      if (codeOf(error) === 'device-failed') throw error
      emit({ kind: 'started-over', reason: (error as Error).message })
    }
  }
  await trainer.prepare().catch((error: unknown) => {
    throw toStudioError(error)
  })
  return { curve: [], best: null }
}

function toEpoch(number: number, { trainLoss, validationLoss, returnError, correlation }: EpochResult, validates: boolean): Epoch {
  return validates
    ? { epoch: number, trainLoss, validationLoss, returnError, correlation }
    : { epoch: number, trainLoss, validationLoss: trainLoss, returnError: trainLoss, correlation }
}

function refuseAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new StudioError('cancelled', 'training was stopped')
}

/** What is wrong with the states on the disk is the project's fault, not ours. */
function toStudioError(error: unknown): unknown {
  return codeOf(error) === 'unreadable' ? new StudioError('project-damaged', (error as Error).message) : error
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
