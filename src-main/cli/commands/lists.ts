import { listMethods } from '../../engine/control/methods.ts'
import { listMetrics } from '../../engine/evaluate/metrics.ts'
import { listSources } from '../../engine/reward/sources.ts'
import type { Command } from '../command.ts'
import { definitions } from '../terminal.ts'

export const methodList: Command = {
  name: 'method list',
  usage: 'method list',
  positionals: [],
  flags: [],
  async run({ terminal }) {
    const methods = listMethods()
    terminal.result({ methods }, definitions(methods.map((m) => [m.name, m.description])))
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
    terminal.result({ sources }, definitions(sources.map((s) => [s.name, s.description])))
    return 0
  }
}

export const metricList: Command = {
  name: 'metric list',
  usage: 'metric list',
  positionals: [],
  flags: [],
  async run({ terminal }) {
    const metrics = listMetrics()
    terminal.result({ metrics }, definitions(metrics.map((m) => [m.name, m.description])))
    return 0
  }
}
