import { listMethods } from '../../engine/control/methods.ts'
import { listSources } from '../../engine/reward/sources.ts'
import type { Command } from '../command.ts'
import { columns } from '../terminal.ts'

export const methodList: Command = {
  name: 'method list',
  usage: 'method list',
  positionals: [],
  flags: [],
  async run({ terminal }) {
    const methods = listMethods()
    terminal.result({ methods }, columns(methods.map((m) => [m.name, m.description])).map((line) => line.trimEnd()))
    return 0
  }
}

export const rewardList: Command = {
  name: 'reward list',
  usage: 'reward list',
  positionals: [],
  flags: [],
  async run({ terminal }) {
    const sources = listSources()
    terminal.result({ sources }, columns(sources.map((s) => [s.name, s.description])))
    return 0
  }
}
