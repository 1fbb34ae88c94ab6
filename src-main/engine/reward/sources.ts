/** Every reward source; adding one is adding a file and a line here. */
import { z } from 'zod'
import type { RewardSource as Summary } from '../../contract/reward.ts'
import { StudioError } from '../../contract/errors.ts'
import type { Door } from '../asked-for.ts'
import type { Project } from '../project/project.ts'
import { column } from './column.ts'
import { imported } from './imported.ts'
import { judge } from './judge.ts'
import { mix } from './mix.ts'
import { people } from './people.ts'
import { preference } from './preference.ts'
import { program } from './program.ts'
import { rewardModel } from './reward-model.ts'
import { rules } from './rules.ts'
import type { RewardSource } from './source.ts'
import { tone } from './tone.ts'

const sources: readonly RewardSource[] = [tone, rules, preference, rewardModel, judge, people, column, program, mix]

/** @throws StudioError 'bad-request' */
export function sourceNamed(name: string): RewardSource {
  if (name === imported.name) return imported // nobody chooses it: it is no line of the list
  const source = sources.find((candidate) => candidate.name === name)
  if (source === undefined) throw new StudioError('bad-request', `there is no reward source ${name}; there are ${sources.map((s) => s.name).join(', ')}`)
  return source
}

export function listSources(): Summary[] {
  return sources.map(({ name, title, description, settings }) => ({ name, title, description, settings: z.toJSONSchema(settings, { io: 'input' }) }))
}

/**
 * A source with its settings, for texts of no collection: as a name was labelled last in this project, or a source by its
 * own name. @throws StudioError or ZodError
 */
export function rewardNamed(name: string, settings: Record<string, unknown> | null, project: Project): { source: RewardSource; settings: Record<string, unknown> } {
  const labelling = settings === null ? project.rewards.newest().find((newest) => newest.name === name) : undefined
  const source = sourceNamed(labelling?.source ?? name)
  const parsed = source.settings.parse(labelling?.settings ?? settings ?? {})
  if (collectedOnly(source, parsed, project)) throw new StudioError('bad-request', `${source.title} can only label the responses of a collection; choose another reward`)
  return { source, settings: parsed }
}

function collectedOnly(source: RewardSource, settings: Record<string, unknown>, project: Project): boolean {
  return source.collectedOnly?.(settings, { project, sourceNamed }) === true
}

/** All that scoring with it would do at the project's word. @throws as `door` */
export function doorsOf(source: RewardSource, settings: Record<string, unknown>, project: Project): Door[] {
  return [source.door?.(settings) ?? [], source.doorsBehind?.(settings, { project, sourceNamed }) ?? []].flat()
}

/** What `rewardNamed` takes without settings. */
export function usableRewards(project: Project): { name: string; title: string }[] {
  const named = project.rewards.newest().filter(({ source, settings }) => !collectedOnly(sourceNamed(source), settings, project))
  const bare = sources.filter((source) => source.settings.safeParse({}).success && !collectedOnly(source, {}, project) && !named.some(({ name }) => name === source.name))
  return [...named.map(({ name, source }) => ({ name, title: name === source ? sourceNamed(source).title : name })), ...bare.map(({ name, title }) => ({ name, title }))]
}
