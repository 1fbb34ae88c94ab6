import { inspectModel } from '../../engine/models/inspect.ts'
import type { Command } from '../command.ts'
import { deviceFacts, deviceFlags, deviceFrom, deviceUsage } from '../device-flags.ts'
import { definitions } from '../terminal.ts'

export const modelInspect: Command = {
  name: 'model inspect',
  usage: `model inspect FILE [${deviceUsage}]`,
  positionals: ['FILE'],
  flags: deviceFlags,
  async run({ engine, terminal }, input) {
    const [file = ''] = input.positionals
    engine.models.override(deviceFrom(input))
    const { sizes, ...facts } = await inspectModel(file)
    const plan = await engine.models.plan(facts.file)
    const rows = Object.entries(facts).map(([fact, value]): [string, string] => [fact, String(value ?? 'not stated')])
    terminal.result({ ...facts, sizes, device: deviceFacts(plan) }, definitions([...rows, ['device', `${plan.backend}, ${plan.gpuLayers} of ${plan.layers} layers on a GPU: ${plan.reason}`]]))
    return 0
  }
}
