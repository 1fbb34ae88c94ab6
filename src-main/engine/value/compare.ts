/** Value functions side by side: which settings differ, and by how much their errors on the same unseen responses do. */
import type { ValueComparison } from '../../contract/value.ts'
import { bootstrapMean } from '../evaluate/bootstrap.ts'
import type { Project } from '../project/project.ts'

/** @param ids at least two; the others are compared with the first. @throws StudioError 'not-found' */
export function compareValueFunctions(project: Project, ids: number[]): ValueComparison {
  const details = ids.map((id) => project.valueFunctions.detail(id))
  const heldOut = ids.map((id) => project.valueFunctions.figures(id)?.heldOut ?? [])
  const names = [...new Set(details.flatMap(({ settings }) => Object.keys(settings ?? {}).filter((name) => !name.startsWith('samples'))))] as (keyof NonNullable<(typeof details)[number]['settings']>)[]
  const settings = names
    .map((name) => ({ name, values: details.map((detail) => (detail.settings === null ? '-' : String(detail.settings[name] ?? 'none'))) }))
    .filter(({ values }) => new Set(values).size > 1)
  const [first = []] = heldOut
  return {
    settings,
    rows: details.map(({ id, name, members, epochs, bestEpoch, returnError, correlation, pairs }, i) => ({
      id, name, members, epochs, bestEpoch, returnError, correlation, pairs,
      heldOut: heldOut[i]?.length ?? 0,
      difference: i === 0 || !sameReward(details[0], details[i]) ? null : difference(project, first, heldOut[i] ?? [])
    }))
  }
}

type Detail = ReturnType<Project['valueFunctions']['detail']>

/** Errors are in standardised rewards, so those of other rewards, or of rewards standardised otherwise, are no comparison. */
function sameReward(a: Detail | undefined, b: Detail | undefined): boolean {
  return a?.source === b?.source && a?.rewardScale === b?.rewardScale && a?.rewardMean === b?.rewardMean
}

/** b minus a, paired; samples of one prompt are not independent, so prompts are drawn. null where the responses are others. */
function difference(project: Project, a: { response: number; error: number }[], b: { response: number; error: number }[]): ValueComparison['rows'][number]['difference'] {
  const other = new Map(b.map(({ response, error }) => [response, error]))
  if (a.length === 0 || a.length !== b.length || a.some(({ response }) => !other.has(response))) return null
  const byPrompt = new Map<number, number[]>()
  for (const { response, error } of a) {
    const { example } = project.responses.get(response)
    byPrompt.set(example, [...(byPrompt.get(example) ?? []), (other.get(response) as number) - error])
  }
  const { mean, low, high } = bootstrapMean([...byPrompt.values()].map((own) => own.reduce((sum, x) => sum + x, 0) / own.length))
  return mean === null || low === null || high === null ? null : { mean, low, high, responses: a.length }
}
