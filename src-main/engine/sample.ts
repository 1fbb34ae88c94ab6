/** The sample project: made once, with the sample's prompts and model, then opened again. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Project as Summary } from '../contract/entities.ts'
import type { Engine } from './engine.ts'
import { keepPipeline, readPipeline } from './pipeline.ts'
import { isPresent, modelPath } from './models/catalogue.ts'
import { Project } from './project/project.ts'

export const sampleModel = 'tinyllama-1.1b-chat'

/** The import of the prompts and, where it is not in the cache, the fetch of the model go on as jobs. */
export async function openSample(engine: Engine, open: (make: () => Project) => Promise<Summary>): Promise<Summary> {
  const { cacheDirectory, resourcesDirectory } = engine.options
  const directory = engine.sampleDirectory
  const model = modelPath(sampleModel, cacheDirectory, resourcesDirectory)
  const summary = await open(() => (existsSync(join(directory, 'project.db')) ? Project.open(directory) : Project.create(directory, model)))
  const unfinished = engine.jobs.list().some((job) => job.state === 'running')
  if (summary.counts.datasets === 0 && !unfinished) {
    const settings = readPipeline(join(resourcesDirectory, 'sample', 'settings.json'))
    await keepPipeline(engine.project, settings)
    await engine.jobs.finished(engine.jobs.start('import', settings.data).id)
  }
  if (!isPresent(sampleModel, cacheDirectory, resourcesDirectory)) engine.jobs.start('fetch-model', { id: sampleModel })
  return engine.project.summary()
}
