/** Where a source stands in the list: by what has the say. */
import type { RewardSource } from '../../../src-main/contract/reward.ts'

const groups: readonly { title: string; names: readonly string[] }[] = [
  { title: 'The text itself', names: ['tone', 'rules'] },
  { title: 'A model', names: ['reward-model', 'preference', 'judge'] },
  { title: 'People and data', names: ['people', 'column', 'program'] },
  { title: 'Other rewards', names: ['mix'] }
]

export function grouped(sources: readonly RewardSource[]): { title: string; sources: RewardSource[] }[] {
  const known = groups.map(({ title, names }) => ({ title, sources: names.flatMap((name) => sources.filter((source) => source.name === name)) }))
  const others = sources.filter(({ name }) => !groups.some((group) => group.names.includes(name)))
  return [...known, { title: 'More', sources: others }].filter((group) => group.sources.length > 0)
}
