/** Preferences: a Bradley-Terry head on the base model's own states, learnt from a data set's pairs. */
import { z } from 'zod'
import type { PreferenceHead } from '../../contract/preference.ts'
import { id } from '../../contract/shared.ts'
import { StudioError } from '../../contract/errors.ts'
import type { PrefillEvent } from '../../model-host/messages/generate.ts'
import type { HostClient } from '../models/host-client.ts'
import { meanState } from '../preference/train.ts'
import type { Project } from '../project/project.ts'
import { Chunks } from './chunks.ts'
import type { RewardSource, ToScore } from './source.ts'

/** of one request to the model */
const chunkSize = 64
/** An answer is read as a whole: one that does not fit the model's context has no reward. */
const wholeAnswer = 2 ** 30

const settings = z.object({
  head: id.nullable().default(null).meta({ title: 'Preference head', description: 'Number of a head that was trained in this project; the newest one unless it is given' })
})

export const preference: RewardSource<typeof settings> = {
  name: 'preference',
  title: 'Learnt preferences',
  description: 'A Bradley-Terry head on the base model\'s own states, trained from pairs of a chosen and a rejected answer.',
  settings,

  complete: ({ head }, project) => ({ head: headOf(head, project).id }),

  async open({ head }, { project, models, signal }) {
    const { id, model, inputDim } = headOf(head, project)
    const { weights, bias } = project.preferenceHeads.weights(id)
    const { sha256, stateSize } = (await models.use(project)).loaded
    if (sha256 !== model || stateSize !== inputDim) throw new StudioError('bad-request', `preference head ${id} was trained on another model's states; train one for this model`)
    const rewardOf = (state: Float32Array): number => state.reduce((sum, h, i) => sum + h * (weights[i] as number), bias)
    return {
      async score(items, tell) {
        const chunks = new Chunks(items, chunkSize, tell)
        const read = async (host: HostClient, progressed: () => void): Promise<void> => {
          for (let chunk = chunks.next(); chunk.length > 0; chunk = chunks.next()) {
            const onEvent = (event: PrefillEvent): void => {
              if (event.kind === 'progress') return
              const item = chunk[event.key] as ToScore
              chunks.tell(item, event.kind === 'skipped' ? { failure: event.reason } : { value: rewardOf(meanState(event)) })
              progressed()
            }
            const requests = chunk.map(({ messages, text }, key) => ({ key, prompt: { messages }, response: text, maxTokens: wholeAnswer }))
            // each by itself: a response's reward is the same whatever is labelled with it
            await host.request('prefill', { requests, deterministic: true }, { signal, onEvent })
          }
        }
        await models.withHost(project, read, signal)
      },
      close: () => {}
    }
  },

  async preview({ head }, { first }, { project, models, signal }) {
    const chosen = headOf(head, project)
    const sample = first === null || project.modelFile === null ? null : (await models.renderBy(project.modelFile, { messages: first.messages }, signal)).text + first.text
    const held = chosen.accuracy === null ? 'no held-out pairs' : `${chosen.accuracy.toFixed(3)} [${chosen.low?.toFixed(3)}, ${chosen.high?.toFixed(3)}] of ${chosen.heldOutPairs} held-out pairs`
    return {
      sample,
      facts: [
        { name: 'Head', value: `${chosen.id}, from ${chosen.trainPairs} pairs of ${chosen.datasetName}` },
        { name: 'Chosen answer scored higher', value: held }
      ]
    }
  }
}

/** @throws StudioError 'not-found' */
function headOf(head: number | null, project: Project): PreferenceHead {
  if (head !== null) return project.preferenceHeads.get(head)
  const newest = project.preferenceHeads.list().at(-1)
  if (newest === undefined) throw new StudioError('not-found', 'this project has no preference head yet; train one from a data set with pairs of answers')
  return newest
}
