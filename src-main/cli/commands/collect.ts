import { collectSettings } from '../../contract/collect.ts'
import { estimateCollection } from '../../engine/collect/collect.ts'
import { number, required, text } from '../arguments.ts'
import type { Command } from '../command.ts'
import { deviceFacts, deviceFlags, deviceFrom, deviceUsage } from '../device-flags.ts'
import { runFlags, runFlagsFrom, runSwitches } from '../run-flags.ts'

export const collect: Command = {
  name: 'collect',
  usage: `collect PROJECT --dataset D [--responses generated|chosen|rejected --limit N --samples M --max-tokens T --parallel P --seed S --split train|held-out|all --temperature X --top-k K --top-p P --min-p P --deterministic ${deviceUsage}]`,
  positionals: ['PROJECT'],
  flags: ['dataset', 'responses', 'samples', ...runFlags, ...deviceFlags],
  switches: runSwitches,
  async run(session, input) {
    const settings = collectSettings.parse({ dataset: Number(required(input, 'dataset')), responses: text(input, 'responses'), samples: number(input, 'samples'), ...runFlagsFrom(input) })
    session.engine.models.override(deviceFrom(input))
    const project = await session.open(input.positionals[0] ?? '')
    const { examples, train, heldOut } = project.datasets.get(settings.dataset)
    const total = { train, 'held-out': heldOut, all: examples }[settings.split ?? 'all']
    if (settings.limit !== null && total < settings.limit) {
      session.terminal.note(`Only ${total} prompts are in the split ${settings.split ?? 'all'}; --split all takes them from every split`)
    }
    await session.ensureModel()
    const { leftOut } = await estimateCollection(settings, project)
    if (leftOut > 0) session.terminal.note(`${leftOut} examples have no ${settings.responses} response and are left out`)
    const job = await session.run('collect', settings)
    const collection = project.collections.get(job.subject ?? 0)
    const skipped = project.responses.skipped(collection.id)
    for (const { line, reason } of skipped) session.terminal.note(`Skipped the prompt of line ${line}: ${reason}`)
    const { id, responses, tokens, states, planned, tokensPerSecond } = collection
    const manifest = project.collections.manifest(id)
    const model = await session.engine.models.loaded
    session.terminal.result({ collection: id, planned, responses, skipped, tokens, states, tokensPerSecond, manifest, device: deviceFacts(manifest), model }, [
      `Collection ${id}: ${responses} responses, ${tokens} tokens, ${states} states${tokensPerSecond === null ? '' : `, ${tokensPerSecond.toFixed(1)} tokens/s`}`
    ])
    return 0
  }
}
