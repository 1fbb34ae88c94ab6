/** The train job: a value function from a collection's states and one source's rewards. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { mean, standardDeviation } from 'simple-statistics'
import type { Epoch, TrainSettings } from '../../contract/entities.ts'
import { StudioError } from '../../contract/errors.ts'
import { manifestOf } from '../collect/manifest.ts'
import { stateProblem } from '../collect/shards.ts'
import type { JobWork } from '../jobs/runner.ts'
import type { Models } from '../models/models.ts'
import type { Project } from '../project/project.ts'
import type { LabelledStates } from '../project/responses.ts'

const calibrationPoints = 2000

export function trainWork(models: Models, onEpoch: (event: { job: number; epoch: Epoch }) => void): JobWork<TrainSettings> {
  return {
    unit: 'epochs',
    title: ({ source, collection }) => `Train on ${source} of collection ${collection}`,

    async run(settings, project, job) {
      job.phase('Checking the states', { done: 0, total: settings.epochs })
      const inputDim = project.collections.inputDim(project.collections.get(settings.collection).id)
      const trajectories = wholeTrajectories(project, settings, inputDim)
      const rewards = trajectories.map((t) => t.reward)
      const rewardMean = settings.standardise ? mean(rewards) : 0
      const rewardScale = settings.standardise ? standardDeviation(rewards) : 1
      if (rewardScale === 0) throw new StudioError('bad-request', `all ${rewards.length} rewards are the same (${rewards[0]}), so there is nothing to learn from them`)
      const validation = validationExamples(trajectories, settings)

      job.phase('Training', { done: 0, total: settings.epochs })
      const result = await models.withHost(
        project,
        (host) =>
          host.request(
            'train',
            {
              network: { inputDim, hiddenDims: new Array<number>(settings.layers).fill(settings.hidden) },
              objective: settings.objective,
              learningRate: settings.learningRate,
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
              }))
            },
            {
              signal: job.signal,
              onEvent: ({ kind: _kind, ...epoch }) => {
                job.progress(epoch.epoch)
                onEpoch({ job: job.id, epoch })
              }
            }
          ),
        job.signal
      )

      const held = trajectories.map((t, i) => ({ ...t, predicted: result.predicted[i] ?? 0 })).filter((t) => validation.size === 0 || validation.has(t.example))
      const id = project.valueFunctions.add({
        name: `${settings.source}, ${settings.layers} x ${settings.hidden}`,
        collection: settings.collection,
        source: settings.source,
        network: { inputDim, layers: result.layers },
        scale: result.scale,
        rewardMean,
        rewardScale,
        settings,
        bestEpoch: result.bestEpoch,
        curve: result.curve,
        manifest: manifestOf((await models.use(project)).loaded, settings),
        calibration: held.slice(0, calibrationPoints).map((t) => ({ reward: t.reward, predicted: rewardMean + rewardScale * t.predicted }))
      })
      job.subject(id)
      job.progress(result.curve.length, result.curve.length)
    },

    discard: (id, project) => project.valueFunctions.delete(id)
  }
}

/** @throws StudioError when there are too few labelled responses, or when states on the disk are damaged */
function wholeTrajectories(project: Project, { collection, source }: TrainSettings, inputDim: number): LabelledStates[] {
  const trajectories = project.responses.labelledStates(collection, source)
  if (trajectories.length < 2) {
    throw new StudioError('bad-request', `collection ${collection} has ${trajectories.length} responses with a reward by ${source}; label it first`)
  }
  const problems = trajectories.flatMap((t) => {
    const problem = stateProblem(project.statesDirectory, { ...t, bytes: t.states * inputDim * 2 })
    return problem === null ? [] : [`response ${t.response}: ${problem}`]
  })
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
