import { refuseUsedLabelling } from '../../engine/project/uses.ts'
import { required } from '../arguments.ts'
import type { Command } from '../command.ts'

export const rewardDelete: Command = {
  name: 'reward delete',
  usage: 'reward delete PROJECT --collection C --name NAME',
  positionals: ['PROJECT'],
  flags: ['collection', 'name'],
  async run(session, input) {
    const [collection, name] = [Number(required(input, 'collection')), required(input, 'name')]
    const project = await session.open(input.positionals[0] ?? '')
    refuseUsedLabelling(project, collection, name)
    project.rewards.delete(collection, name)
    session.terminal.result({ deleted: { collection, name } }, [`The rewards "${name}" of collection ${collection} were deleted`])
    return 0
  }
}
