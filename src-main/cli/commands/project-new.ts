import { modelPath } from '../../engine/models/catalogue.ts'
import { inspectModel } from '../../engine/models/inspect.ts'
import { Project } from '../../engine/project/project.ts'
import { sampleModel } from '../../engine/sample.ts'
import { text } from '../arguments.ts'
import type { Command } from '../command.ts'

export const projectNew: Command = {
  name: 'project new',
  usage: 'project new DIR [--model FILE]',
  positionals: ['DIR'],
  flags: ['model'],
  async run({ engine, terminal }, input) {
    const [directory = ''] = input.positionals
    const given = text(input, 'model')
    const { cacheDirectory, resourcesDirectory } = engine.options
    // without a model of their own people get the sample's, fetched when it is first needed
    const model = given === undefined ? modelPath(sampleModel, cacheDirectory, resourcesDirectory) : (await inspectModel(given)).file
    const project = await engine.open(() => Project.create(directory, model))
    const { id, name } = project.summary()
    terminal.result({ id, path: project.directory, model }, [`Project ${name} in ${project.directory}`, `Model: ${model}`])
    return 0
  }
}
