/** The train job: a value function, or an ensemble of them, from a collection's states and one source's rewards. */
import { mean, standardDeviation } from 'simple-statistics'
import type { TrainSettings } from '../../contract/value.ts'
import { StudioError } from '../../contract/errors.ts'
import type { Network, TrainInput, TrainOutput } from '../../model-host/messages/train.ts'
import { manifestOf } from '../collect/manifest.ts'
import type { JobWork } from '../jobs/runner.ts'
import type { Models } from '../models/models.ts'
import type { Project } from '../project/project.ts'
import type { LabelledStates } from '../project/responses.ts'
import type { Figures } from '../project/value-functions.ts'
import { deleteCheckpoints } from './checkpoints.ts'
import { heldOutFigures } from './held-out.ts'
import { meanDifference, type LinearValue } from './mean-difference.ts'
import { meanGradient } from './mean-gradient.ts'
import { answerPairs, pairAccuracy, type AnswerPair } from './pairs.ts'
import { Sampler } from './sampler.ts'
import { completeSettings } from './stored-settings.ts'
import { trainMember, type TrainTell } from './train-member.ts'
import { lastState, refuseDamaged, validationExamples, whole, wholeTrajectories } from './trajectories.ts'

const calibrationPoints = 2000

export function trainWork(models: Models, tell: TrainTell): JobWork<TrainSettings> {
  return {
    unit: 'epochs',
    title: ({ source, collection }) => `Train on ${source} of collection ${collection}`,

    async run(stored, project, job, subject) {
      if (subject !== null) return `Value function ${subject} is there` // killed after it was made, or its best epoch was kept
      const settings = completeSettings(stored)
      refuseUnfit(settings)
      job.phase('Checking the states', { done: 0, total: settings.members * settings.epochs })
      const inputDim = project.collections.inputDim(project.collections.get(settings.collection).id)
      const pairs = answerPairs(project, settings)
      const trajectories = paired(await wholeTrajectories(project, settings, inputDim, job.signal), pairs, settings, tell)
      const answers = trajectories.flatMap((t) => pairs.get(t.example) ?? [])
      await refuseDamaged(project, answers.flatMap(({ preferred, dispreferred }) => [preferred, dispreferred]), inputDim, job.signal)
      const rewards = trajectories.map((t) => t.reward)
      const rewardMean = settings.standardise ? mean(rewards) : 0
      const rewardScale = settings.standardise ? standardDeviation(rewards) : 1
      // not by the deviation alone: that of 0.1, 0.1, 0.1 is 1e-17
      if (rewardScale === 0 || (settings.standardise && rewards.every((reward) => reward === rewards[0]))) throw new StudioError('bad-request', `all ${rewards.length} rewards are the same (${rewards[0]}), so there is nothing to learn from them`)
      const standardised = rewards.map((reward) => (reward - rewardMean) / rewardScale)
      const validation = validationExamples(trajectories, settings)
      const validates = trajectories.map((t) => validation.has(t.example))

      const computed = async (make: () => Promise<LinearValue>): Promise<TrainOutput> => {
        const { scale, epoch, ...best } = await make()
        tell.epoch({ job: job.id, epoch })
        return { best: { epoch: 1, error: epoch.returnError, ...best }, scale: settings.standardise ? scale : 1, curve: [epoch], failure: null, trainedOn: 'CPU' }
      }
      const sampler = settings.samples === 'none' ? null : Sampler.open(project, models, job, settings, trajectories.filter((t) => validation.has(t.example)), tell)
      const members: TrainOutput[] = []
      if (settings.objective === 'difference-of-means') {
        job.phase('Comparing the means', { done: 0, total: 1 })
        members.push(await computed(() => meanDifference(project.statesDirectory, inputDim, trajectories, standardised, validates, job.signal)))
      } else if (settings.objective === 'mean-gradient') {
        job.phase('Averaging the gradient', { done: 0, total: 1 })
        const { of } = settings
        if (of === null) throw new StudioError('bad-request', 'mean-gradient needs the value function whose gradient is averaged')
        members.push(await computed(() => models.withHost(project, (host) => meanGradient(host, project, of, inputDim, trajectories, standardised, rewardScale, validates, job.signal), job.signal)))
      } else {
        const input = trainingInput(project, trajectories, standardised, validates, settings.objective === 'pref-ctrl' ? pairs : new Map(), inputDim)
        for (let member = 0; member < settings.members; member++) members.push(await trainMember(models, project, job, settings, member, inputDim, input, tell, member === 0 ? sampler : null))
      }

      const networks = members.map(({ best }): Network => ({ inputDim, layers: best.layers }))
      const [network, ...others] = networks as [Network, ...Network[]]
      const { best, scale, curve, trainedOn } = members[0] as TrainOutput
      const held = trajectories.flatMap((t, i) => (validates[i] === true ? [{ ...t, reward: standardised[i] as number }] : []))
      const figures = await models.withHost(
        project,
        async (host): Promise<Figures> => {
          job.phase('Looking at unseen responses', { done: settings.members * settings.epochs, total: settings.members * settings.epochs })
          const unseenPairs = [...new Set(held.map((t) => t.example))].flatMap((example) => pairs.get(example) ?? [])
          const ends = unseenPairs.flatMap(({ preferred, dispreferred }) => [lastState(project, preferred, inputDim), lastState(project, dispreferred, inputDim)])
          const values = await host.request('values', { networks, states: [...held.map((t) => whole(project, t)), ...ends] }, { signal: job.signal })
          const first = held.reduce((sum, t) => sum + t.states, 0)
          const end = (i: number): number => mean(values.map((member) => member[first + i] as number))
          return {
            ...heldOutFigures(values, held),
            memberFigures: members.length === 1 ? [] : members.map((member, m) => memberFigures(member, settings.seed + m)),
            pairs: pairAccuracy(unseenPairs.map((_, i) => ({ preferred: end(2 * i), dispreferred: end(2 * i + 1) })))
          }
        },
        job.signal
      )

      if (sampler !== null) {
        job.phase('Steering a few answers', { done: settings.members * settings.epochs, total: settings.members * settings.epochs })
        const samples = await sampler.finish(members[0] as TrainOutput, inputDim)
        if (samples !== null) figures.samples = samples
      }
      const shown = trajectories.flatMap((t, i) => (validation.size === 0 || validates[i] === true ? [{ reward: t.reward, predicted: mean(members.map((member) => member.best.predicted[i] ?? 0)) }] : []))
      const made = {
        name: `${settings.source}, ${describeShape(settings)}`,
        collection: settings.collection,
        source: settings.source,
        network,
        others,
        scale,
        rewardMean,
        rewardScale,
        settings,
        bestEpoch: best.epoch,
        curve,
        manifest: { ...manifestOf((await models.use(project)).loaded, settings), trainedOn },
        calibration: shown.slice(0, calibrationPoints).map(({ reward, predicted }) => ({ reward, predicted: rewardMean + rewardScale * predicted })),
        figures
      }
      const id = project.atomically(() => job.made(project.valueFunctions.add(made)))
      const failed = members.find(({ failure }) => failure !== null)
      if (failed !== undefined) throw new StudioError('bad-request', `${failed.failure}. The best epoch before that, ${failed.best.epoch}, is kept as value function ${id}`)
      job.progress(settings.members * settings.epochs, settings.members * settings.epochs)
    },

    discard: (id, project) => project.valueFunctions.delete(id),

    forget: (job, project) => deleteCheckpoints(project.statesDirectory, job)
  }
}

/** @throws StudioError 'bad-request' */
function refuseUnfit({ objective, members }: TrainSettings): void {
  if (members > 1 && (objective === 'difference-of-means' || objective === 'mean-gradient')) {
    throw new StudioError('bad-request', `${objective} does not depend on a seed, so all ${members} members would be the same`)
  }
}

/** pref-ctrl trains on responses whose prompt has a pair. @throws StudioError 'bad-request' when fewer than two have */
function paired(trajectories: LabelledStates[], pairs: Map<number, AnswerPair>, { objective }: TrainSettings, tell: TrainTell): LabelledStates[] {
  if (objective !== 'pref-ctrl') return trajectories
  const kept = trajectories.filter((t) => pairs.has(t.example))
  if (kept.length < 2) throw new StudioError('bad-request', `${kept.length} of ${trajectories.length} responses have both a chosen and a rejected answer to their prompt; collect both from the same data set`)
  if (kept.length < trajectories.length) tell.warn(`${trajectories.length - kept.length} of ${trajectories.length} responses are left out: their prompts have no pair of answers`)
  return kept
}

/** The responses, and behind them the answers of their pairs, each once. */
function trainingInput(project: Project, trajectories: LabelledStates[], rewards: number[], validates: boolean[], pairs: Map<number, AnswerPair>, inputDim: number): TrainInput['trajectories'] {
  const answers: TrainInput['trajectories'] = []
  const places = new Map<number, { preferred: number; dispreferred: number }>()
  for (const { example } of trajectories) {
    const pair = pairs.get(example)
    if (pair === undefined || places.has(example)) continue
    const preferred = trajectories.length + answers.length
    answers.push({ answer: true, ...lastState(project, pair.preferred, inputDim) }, { answer: true, ...lastState(project, pair.dispreferred, inputDim) })
    places.set(example, { preferred, dispreferred: preferred + 1 })
  }
  const own = trajectories.map((t, i) => {
    const pair = places.get(t.example)
    return { ...whole(project, t), reward: rewards[i] as number, validation: validates[i] as boolean, ...(pair !== undefined && { pair }) }
  })
  return [...own, ...answers]
}

function memberFigures({ best, curve }: TrainOutput, seed: number): Figures['memberFigures'][number] {
  const { trainLoss = 0, validationLoss = 0, returnError = 0, correlation = 0 } = curve.find(({ epoch }) => epoch === best.epoch) ?? {}
  return { seed, epochs: curve.length, bestEpoch: best.epoch, trainLoss, validationLoss, returnError, correlation }
}

function describeShape({ objective, layers, hidden, members, of }: TrainSettings): string {
  if (objective === 'difference-of-means') return 'difference of means'
  if (objective === 'mean-gradient') return `mean gradient of #${of}`
  const shape = layers === 0 ? 'linear' : `${layers} x ${hidden}`
  const ensemble = members === 1 ? shape : `${members} of ${shape}`
  return objective === 'pref-ctrl' ? `Pref-CTRL, ${ensemble}` : ensemble
}
