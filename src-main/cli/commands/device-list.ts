import { backendTitles } from '../../engine/models/backends.ts'
import { memoryText } from '../../engine/models/offload.ts'
import type { Command } from '../command.ts'
import { definitions } from '../terminal.ts'

export const deviceList: Command = {
  name: 'device list',
  usage: 'device list',
  positionals: [],
  flags: [],
  async run({ engine, terminal }) {
    const { choice } = engine.models
    const candidates = await engine.models.candidates()
    const memory = candidates.flatMap(({ devices }) => devices.map((device): [string, string] => [device.name, `${device.description}, ${memoryText(device.memoryFree)} of ${memoryText(device.memoryTotal)} free`]))
    terminal.result({ choice, candidates }, [
      ...definitions(candidates.map(({ backend, usable, reason }) => [backendTitles[backend], `${usable === true ? 'can be used' : 'cannot be used'}: ${reason}`])),
      '',
      ...definitions(memory)
    ])
    return 0
  }
}
