import { labelSettings } from '../../contract/reward.ts'
import { labelDoors } from '../../engine/reward/label.ts'
import { rewardSummary } from '../../engine/reward/summary.ts'
import { sourceNamed } from '../../engine/reward/sources.ts'
import { required, settingsFrom, text } from '../arguments.ts'
import type { Command } from '../command.ts'
import { sourceFlags } from '../source-flags.ts'

export const reward: Command = {
  name: 'reward',
  usage: "reward PROJECT --collection C --source NAME [--as NAME] [the source's flags: see reward list]; --key NAME takes the key from the environment, RE_CONTROL_KEY_NAME",
  positionals: ['PROJECT'],
  flags: ['collection', 'source', 'as', ...sourceFlags],
  async run(session, input) {
    const source = sourceNamed(required(input, 'source'))
    const collection = Number(required(input, 'collection'))
    const settings = source.settings.parse(settingsFrom(source.settings, input))
    const project = await session.open(input.positionals[0] ?? '')
    project.collections.get(collection)
    const chosen = labelSettings.parse({ collection, source: source.name, name: text(input, 'as') ?? null, settings })
    session.engine.asked.add(...labelDoors(chosen)) // the flags are a person's own words
    await session.run('reward', chosen)
    const summary = rewardSummary(project, collection, chosen.name ?? source.name)
    for (const { response, reason } of summary.failures.slice(0, 20)) session.terminal.note(`Response ${response} stays unlabelled: ${reason}`)
    session.terminal.result({ collection, ...summary }, [
      `${summary.labelled} labelled, ${summary.failed} failed, mean ${summary.mean?.toFixed(4) ?? '-'}, sd ${summary.sd?.toFixed(4) ?? '-'}`
    ])
    return summary.labelled > 0 ? 0 : 1
  }
}
