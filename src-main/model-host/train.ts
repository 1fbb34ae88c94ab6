/**
 * Runs the native trainer epoch by epoch and keeps the best: the epoch whose values predict the reward of unseen
 * responses best, token by token. The Bellman loss itself cannot tell: a flat V has nearly none, so that its smallest
 * value on unseen responses comes after an epoch or two, long before V has learned anything.
 */
import { availableParallelism } from 'node:os'
import { Trainer } from '../../native/trainer.ts'
import type { Layer } from '../../native/value-function.ts'
import type { Epoch } from '../contract/entities.ts'
import { StudioError } from '../contract/errors.ts'
import type { EpochEvent, TrainInput, TrainOutput } from './messages.ts'

export async function train(input: TrainInput, emit: (event: EpochEvent) => void, signal: AbortSignal): Promise<TrainOutput> {
  const trainer = new Trainer(
    {
      inputDim: input.network.inputDim,
      hiddenDims: input.network.hiddenDims,
      objective: input.objective,
      learningRate: input.learningRate,
      batchStates: input.batchStates,
      seed: input.seed,
      threads: availableParallelism(),
      standardise: input.standardise
    },
    input.trajectories
  )
  signal.addEventListener('abort', () => trainer.cancel())

  // without validation trajectories the last epoch counts as the best
  const validates = input.trajectories.some((trajectory) => trajectory.validation)
  const curve: Epoch[] = []
  let best: { epoch: number; error: number; layers: Layer[]; predicted: Float32Array } | null = null
  for (let number = 1; number <= input.epochs; number++) {
    if (signal.aborted) throw new StudioError('cancelled', 'training was stopped')
    const { trainLoss, validationLoss, returnError, correlation } = await trainer.epoch()
    const epoch: Epoch = validates
      ? { epoch: number, trainLoss, validationLoss, returnError, correlation }
      : { epoch: number, trainLoss, validationLoss: trainLoss, returnError: trainLoss, correlation }
    curve.push(epoch)
    emit({ kind: 'epoch', ...epoch })
    if (best === null || !validates || epoch.returnError < best.error) {
      best = { epoch: number, error: epoch.returnError, layers: trainer.layers(), predicted: trainer.predict() }
    }
    if (input.patience > 0 && number - best.epoch >= input.patience) break
  }
  if (best === null) throw new Error('training needs at least one epoch')
  return { layers: best.layers, scale: trainer.scale, bestEpoch: best.epoch, curve, predicted: best.predicted }
}
