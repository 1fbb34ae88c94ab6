import type { z } from 'zod'
import { listMethods, methodNamed } from '../../engine/control/methods.ts'
import { listMetrics, metricNamed } from '../../engine/evaluate/metrics.ts'
import { listSources, sourceNamed } from '../../engine/reward/sources.ts'
import { flagsOf } from '../arguments.ts'
import type { Command } from '../command.ts'
import { definitions } from '../terminal.ts'

export const methodList: Command = {
  name: 'method list',
  usage: 'method list',
  positionals: [],
  flags: [],
  async run({ terminal }) {
    const methods = listMethods()
    terminal.result({ methods }, definitions(methods.map(({ name, description }) => [name, withFlags(description, methodNamed(name).settings)])))
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
    terminal.result({ sources }, definitions(sources.map(({ name, description }) => [name, withFlags(description, sourceNamed(name).settings)])))
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
    terminal.result({ metrics }, definitions(metrics.map(({ name, description }) => [name, withFlags(description, metricNamed(name).settings)])))
    return 0
  }
}

function withFlags(description: string, settings: z.ZodObject): string {
  const flags = flagsOf(settings).map((flag) => `--${flag}`)
  return flags.length === 0 ? description : `${description} ${flags.join(' ')}`
}
