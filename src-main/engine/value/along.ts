/** V along unseen responses, token by token: whether it knows early, and where it is wrong. */
import { resolve } from 'node:path'
import type { ValueAlong, ValueFunctionDetail } from '../../contract/value.ts'
import { StudioError } from '../../contract/errors.ts'
import type { Models } from '../models/models.ts'
import type { Project } from '../project/project.ts'
import type { LabelledStates } from '../project/responses.ts'
import { memberStatistics } from './held-out.ts'
import { refuseDamaged, whole } from './trajectories.ts'

/**
 * @param response null: those with the smallest, the median and the largest error
 * @throws StudioError 'bad-request' where the value function has no unseen responses, or this is none of them
 */
export async function valueAlong(project: Project, models: Models, id: number, response: number | null): Promise<ValueAlong[]> {
  const detail = project.valueFunctions.detail(id)
  const chosen = chosenResponses(project, detail, response)
  await refuseDamaged(project, chosen, detail.inputDim, new AbortController().signal)
  const networks = project.valueFunctions.memberNetworks(id)
  const { modelFile } = project
  const texts = chosen.map((t) => project.responses.spelled(t.response))
  const [values, pieces] = await models.withoutModel((host) =>
    Promise.all([
      host.request('values', { networks, states: chosen.map((t) => whole(project, t)) }),
      modelFile === null ? null : host.request('pieces', { file: resolve(modelFile), responses: texts.map(({ tokens }) => tokens) })
    ])
  )
  const { rewardMean, rewardScale } = detail
  let offset = 0
  return chosen.map((t, i) => {
    const from = offset
    offset += t.states
    const { value, spread } = memberStatistics(values.map((member) => Array.from(member.subarray(from, offset))))
    const standardised = (t.reward - rewardMean) / rewardScale
    return {
      response: t.response,
      prompt: texts[i]?.prompt ?? '',
      reward: t.reward,
      error: value.reduce((sum, v) => sum + (v - standardised) ** 2, 0) / t.states,
      tokens: value.map((v, at) => ({
        text: pieces?.[i]?.[at] ?? '',
        value: rewardMean + rewardScale * v,
        spread: spread === null ? null : rewardScale * (spread[at] as number)
      }))
    }
  })
}

function chosenResponses(project: Project, { id, collection, source }: ValueFunctionDetail, response: number | null): LabelledStates[] {
  const ranked = [...(project.valueFunctions.figures(id)?.heldOut ?? [])].sort((a, b) => a.error - b.error)
  if (collection === null || ranked.length === 0) throw new StudioError('bad-request', `of value function ${id} no unseen responses are known: it was imported, trained on all of them, or by an older version`)
  if (response !== null && !ranked.some((one) => one.response === response)) {
    project.responses.get(response) // one that is not there at all
    throw new StudioError('bad-request', `response ${response} is none that value function ${id} has not seen`)
  }
  const places = response === null ? [...new Set([0, Math.floor((ranked.length - 1) / 2), ranked.length - 1])] : [ranked.findIndex((one) => one.response === response)]
  const labelled = new Map(project.responses.labelledStates(collection, source).map((t) => [t.response, t]))
  return places.flatMap((at) => labelled.get(ranked[at]?.response ?? 0) ?? [])
}
