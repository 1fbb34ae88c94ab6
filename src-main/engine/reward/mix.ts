/** A weighted sum of rewards that the collection is labelled with, each in its own standard deviations unless told otherwise. */
import { mean, standardDeviation } from 'simple-statistics'
import { z } from 'zod'
import { StudioError } from '../../contract/errors.ts'
import type { Labelling } from '../project/rewards.ts'
import type { Project } from '../project/project.ts'
import { byRule, verdictOf } from './by-rule.ts'
import type { RewardSource, Scorer, Surroundings, ToScore, Verdict } from './source.ts'

const part = z.string().regex(/^[^=,\n]+=\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i, 'a part is a name and its weight, e.g. tone=1').refine((text) => Number.isFinite(read(text).weight), 'the weight is too large')

const settings = z.object({
  parts: z.array(part).min(1).meta({ title: 'Parts', description: 'Names of rewards with their weights, e.g. tone=1 and length=-0.5' }),
  standardise: z.boolean().default(true).meta({ title: 'Standardise', description: 'Count each part in standard deviations from its mean over the collection' }),
  collection: z.int().positive().nullable().default(null).meta({ title: 'Collection', description: 'Whose labels give the means and standard deviations; none: the one that is labelled' })
})
type Settings = z.output<typeof settings>

interface Part extends Labelling {
  weight: number
  /** reward -> (reward - mean) / scale */
  mean: number
  scale: number
}

export const mix: RewardSource<typeof settings> = {
  name: 'mix',
  title: 'Weighted mix',
  description: 'A weighted sum of rewards that the collection has already, each standardised.',
  settings,
  changes: true, // with its parts
  collectedOnly: ({ parts, collection }, { project, sourceNamed }) =>
    parts.some((text) => {
      const part = labellingOf(read(text).name, collection, project)
      return part !== null && sourceNamed(part.source).collectedOnly?.(part.settings, { project, sourceNamed }) === true
    }),
  doorsBehind: ({ parts, collection }, { project, sourceNamed }) =>
    parts.flatMap((text) => {
      const part = labellingOf(read(text).name, collection, project)
      return (part !== null && sourceNamed(part.source).door?.(part.settings)) || []
    }),
  complete(chosen, _project, collection, name) {
    if (chosen.parts.some((text) => read(text).name === name)) throw new StudioError('bad-request', `a mix cannot be labelled as "${name}", which is one of its parts; give it another name`)
    return { ...chosen, collection: chosen.collection ?? collection }
  },

  async open(chosen, surroundings) {
    const parts = partsOf(chosen, surroundings.project)
    const scorers = new Map<string, Promise<Scorer>>()
    const close = (): void => scorers.forEach((opening) => void opening.then((scorer) => scorer.close(), () => {}))
    return { score: (items, tell) => score(parts, scorers, surroundings, items, tell), close }
  }
}

/** Of the rewards that settings of a mix name. */
export function partNames({ parts }: Record<string, unknown>): string[] {
  return Array.isArray(parts) ? parts.map((text) => read(String(text)).name) : []
}

function read(text: string): { name: string; weight: number } {
  const at = text.lastIndexOf('=')
  return { name: text.slice(0, at).trim(), weight: Number(text.slice(at + 1)) }
}

/** @param collection null: the newest that has the name */
function labellingOf(name: string, collection: number | null, project: Project): Labelling | null {
  const labellings = collection === null ? project.rewards.newest() : project.rewards.labellings(collection)
  return labellings.find((labelling) => labelling.name === name) ?? null
}

/** @throws StudioError where a part is not labelled, is a mix itself, or never changes */
function partsOf({ parts, standardise, collection }: Settings, project: Project): Part[] {
  return parts.map((text) => {
    const { name, weight } = read(text)
    const labelling = labellingOf(name, collection, project)
    if (labelling === null) throw new StudioError('not-found', `nothing is labelled as ${name} yet${collection === null ? '' : ` in collection ${collection}`}`)
    if (labelling.source === 'mix') throw new StudioError('bad-request', `${name} is a mix itself; mix its parts instead`)
    if (!standardise) return { ...labelling, weight, mean: 0, scale: 1 }
    const values = project.rewards.labels(labelling.id).flatMap(({ value }) => (value === null ? [] : [value]))
    if (values.every((value) => value === values[0])) throw new StudioError('bad-request', `the ${values.length} rewards of ${name} do not differ, so they cannot be standardised`)
    return { ...labelling, weight, mean: mean(values), scale: standardDeviation(values) }
  })
}

/** Labels that are there are taken; a text of no collection is scored by each part's source first. */
async function score(parts: Part[], scorers: Map<string, Promise<Scorer>>, surroundings: Surroundings, items: Iterable<ToScore>, tell: (item: ToScore, verdict: Verdict) => void): Promise<void> {
  const { project, signal, sourceNamed } = surroundings
  const loose: ToScore[] = []
  const collected = function* (): Generator<ToScore> {
    for (const item of items) {
      if (item.response === null) loose.push(item)
      else yield item
    }
  }
  await byRule((item) => sum(parts, labelsOf(parts, project, item.response as number)), signal).score(collected(), tell)

  const verdicts = new Map(loose.map((item): [ToScore, Verdict[]] => [item, []]))
  for (const [p, { name, source, settings: own }] of (loose.length === 0 ? [] : parts).entries()) {
    const opening = scorers.get(name) ?? sourceNamed(source).open(own, surroundings)
    scorers.set(name, opening)
    const scorer = await opening
    await scorer.score(loose, (item, verdict) => (verdicts.get(item)![p] = verdict))
  }
  for (const [item, found] of verdicts) tell(item, verdictOf(() => sum(parts, found), item))
}

function labelsOf(parts: Part[], project: Project, response: number): Verdict[] {
  return parts.map(({ name }) => {
    const { value = null, failure = null } = project.rewards.label(name, response) ?? {}
    return value === null ? { failure: failure ?? 'it is not labelled' } : { value }
  })
}

/** @throws Error where a part has no value */
function sum(parts: Part[], verdicts: Verdict[]): number {
  let total = 0
  for (const [i, { name, weight, mean: center, scale }] of parts.entries()) {
    const verdict = verdicts[i] ?? { failure: 'it has no verdict' }
    if ('failure' in verdict) throw new Error(`${name}: ${verdict.failure}`)
    total += (weight * (verdict.value - center)) / scale
  }
  return total
}
