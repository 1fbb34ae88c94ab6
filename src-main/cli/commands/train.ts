import { objective, trainSettings, type TrainSettings } from '../../contract/value.ts'
import { number, required, text, UsageError } from '../arguments.ts'
import type { Command } from '../command.ts'
import { deviceFacts, deviceFlags, deviceFrom, deviceUsage } from '../device-flags.ts'
import { pairText } from './value-function-show.ts'

export const train: Command = {
  name: 'train',
  usage: `train PROJECT --collection C [--source NAME --hidden 1024 --layers 1 --lr 1e-4 --weight-decay 0 --clip-norm N --warmup-steps 0 --batch 512 --epochs 100 --patience 10 --validation 0.15 --objective ${objective.options.join('|')} --lambda 0.9 --preferred C --dispreferred C --margin-weight 1 --regulariser-weight 1 --of V --members 1 --seed 1 --samples none|best|EPOCHS --samples-alpha 2.5 --samples-updates 30 ${deviceUsage}]`,
  positionals: ['PROJECT'],
  flags: ['collection', 'source', 'hidden', 'layers', 'lr', 'weight-decay', 'clip-norm', 'warmup-steps', 'batch', 'epochs', 'patience', 'validation', 'objective', 'lambda', 'preferred', 'dispreferred', 'margin-weight', 'regulariser-weight', 'of', 'members', 'standardise', 'seed', 'samples', 'samples-alpha', 'samples-updates', ...deviceFlags],
  async run(session, input) {
    const standardise = text(input, 'standardise')
    const settings = trainSettings.parse({
      collection: Number(required(input, 'collection')),
      source: text(input, 'source'),
      hidden: number(input, 'hidden'),
      layers: number(input, 'layers'),
      learningRate: number(input, 'lr'),
      weightDecay: number(input, 'weight-decay'),
      clipNorm: number(input, 'clip-norm'),
      warmupSteps: number(input, 'warmup-steps'),
      batch: number(input, 'batch'),
      epochs: number(input, 'epochs'),
      patience: number(input, 'patience'),
      validation: number(input, 'validation'),
      objective: text(input, 'objective'),
      lambda: number(input, 'lambda'),
      preferred: number(input, 'preferred'),
      dispreferred: number(input, 'dispreferred'),
      marginWeight: number(input, 'margin-weight'),
      regulariserWeight: number(input, 'regulariser-weight'),
      of: number(input, 'of'),
      members: number(input, 'members'),
      standardise: standardise === undefined ? undefined : standardise === 'true',
      seed: number(input, 'seed'),
      ...samplesFrom(text(input, 'samples')),
      samplesAlpha: number(input, 'samples-alpha'),
      samplesUpdates: number(input, 'samples-updates')
    })
    session.engine.models.override(deviceFrom(input))
    const project = await session.open(input.positionals[0] ?? '')
    await session.ensureModel()
    const job = await session.run('train', settings)
    const v = project.valueFunctions.detail(job.subject ?? 0)
    const manifest = project.valueFunctions.manifest(v.id)
    session.terminal.result(
      {
        valueFunction: v.id, epochs: v.epochs, bestEpoch: v.bestEpoch, trainLoss: v.trainLoss, validationLoss: v.validationLoss, returnError: v.returnError, correlation: v.correlation,
        members: v.members, pairs: v.pairs, spread: v.spread, samples: v.samples, inputDim: v.inputDim, hiddenDims: v.hiddenDims, scale: v.scale, rewardMean: v.rewardMean, rewardScale: v.rewardScale,
        manifest, device: deviceFacts(manifest)
      },
      [`Value function ${v.id}: ${v.epochs} epochs, best ${v.bestEpoch}, train loss ${v.trainLoss.toFixed(4)}, validation loss ${v.validationLoss.toFixed(4)}, correlation ${v.correlation.toFixed(3)}`, ...(v.pairs === null ? [] : [`V is higher for the chosen answer in ${pairText(v.pairs)} of ${v.pairs.pairs} unseen pairs`])]
    )
    return 0
  }
}

/** none, best, or every so many epochs @throws UsageError */
function samplesFrom(given: string | undefined): Partial<Pick<TrainSettings, 'samples' | 'samplesEvery'>> {
  if (given === undefined) return {}
  if (given === 'none' || given === 'best') return { samples: given }
  if (!/^[1-9]\d*$/.test(given)) throw new UsageError(`--samples is none, best or a number of epochs, not "${given}"`)
  return { samples: 'every', samplesEvery: Number(given) }
}
