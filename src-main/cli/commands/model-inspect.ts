import { inspectModel } from '../../engine/models/inspect.ts'
import type { Command } from '../command.ts'
import { definitions } from '../terminal.ts'

export const modelInspect: Command = {
  name: 'model inspect',
  usage: 'model inspect FILE',
  positionals: ['FILE'],
  flags: [],
  async run({ terminal }, { positionals: [file = ''] }) {
    const facts = await inspectModel(file)
    terminal.result(facts, definitions(Object.entries(facts).map(([fact, value]) => [fact, String(value ?? 'not stated')])))
    return 0
  }
}
