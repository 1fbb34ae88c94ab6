/** Runs the native trainer epoch by epoch, with early stopping on the validation loss. */
import { availableParallelism } from 'node:os'
import { Trainer, type Layer } from '../../native/value-function.ts'
import type { Epoch } from '../contract/entities.ts'
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
  let best: { epoch: number; loss: number; layers: Layer[]; predicted: Float32Array } | null = null
  for (let number = 1; number <= input.epochs; number++) {
    const { trainLoss, validationLoss, correlation } = await trainer.epoch()
    const epoch = { epoch: number, trainLoss, validationLoss: validates ? validationLoss : trainLoss, correlation }
    curve.push(epoch)
    emit({ kind: 'epoch', ...epoch })
    if (best === null || !validates || epoch.validationLoss < best.loss) {
      best = { epoch: number, loss: epoch.validationLoss, layers: trainer.layers(), predicted: trainer.predict() }
    }
    if (input.patience > 0 && number - best.epoch >= input.patience) break
  }
  if (best === null) throw new Error('training needs at least one epoch')
  return { layers: best.layers, scale: trainer.scale, bestEpoch: best.epoch, curve, predicted: best.predicted }
}
