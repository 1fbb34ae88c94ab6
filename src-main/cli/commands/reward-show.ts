import { rewardCorrelations, rewardSummaries } from '../../engine/reward/summary.ts'
import { required } from '../arguments.ts'
import type { Command } from '../command.ts'
import { columns } from '../terminal.ts'

export const rewardShow: Command = {
  name: 'reward show',
  usage: 'reward show PROJECT --collection C',
  positionals: ['PROJECT'],
  flags: ['collection'],
  async run(session, input) {
    const collection = Number(required(input, 'collection'))
    const project = await session.open(input.positionals[0] ?? '')
    project.collections.get(collection)
    const rewards = rewardSummaries(project, collection)
    const correlations = rewardCorrelations(project, collection)
    const figure = (value: number | null): string => value?.toFixed(3) ?? '-'
    session.terminal.result({ collection, rewards, correlations }, [
      ...columns([['reward', 'source', 'labelled', 'failed', 'mean', 'sd'], ...rewards.map((r) => [r.name, r.source, String(r.labelled), String(r.failed), figure(r.mean), figure(r.sd)])]),
      ...(correlations.length === 0 ? [] : ['', ...columns([['rewards', 'responses', 'Pearson', 'Spearman'], ...correlations.map((c) => [`${c.a}, ${c.b}`, String(c.responses), figure(c.pearson), figure(c.spearman)])])])
    ])
    return 0
  }
}
