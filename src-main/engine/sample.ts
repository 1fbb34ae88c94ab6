/** The sample project: made once, with the sample's prompts and model, then opened again. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Project as Summary } from '../contract/project.ts'
import { toFailure } from '../contract/errors.ts'
import type { JobKind } from '../contract/job.ts'
import type { Engine } from './engine.ts'
import { isPresent, modelPath } from './models/catalogue.ts'
import { keepPipeline, readPipeline } from './pipeline.ts'
import { Project } from './project/project.ts'

export const sampleModel = 'tinyllama-1.1b-chat'

/** The import of the prompts goes on as a job; the model, where it is not in the cache, comes through the queue of downloads. */
export async function openSample(engine: Engine, open: (make: () => Project) => Promise<Summary>): Promise<Summary> {
  const { cacheDirectory, resourcesDirectory } = engine.options
  const directory = engine.sampleDirectory
  const settings = readPipeline(join(resourcesDirectory, 'sample', 'settings.json'))
  const make = (): Project => {
    if (existsSync(join(directory, 'project.db'))) return Project.open(directory)
    const project = Project.create(directory, modelPath(sampleModel, cacheDirectory, resourcesDirectory))
    keepPipeline(project, settings)
    return project
  }
  const { counts } = await open(make)
  const running = (kind: JobKind): boolean => engine.jobs.list().some((job) => job.kind === kind && job.state === 'running')
  if (counts.datasets === 0 && !running('import')) await engine.jobs.finished(engine.jobs.start('import', settings.data).id)
  if (!isPresent(sampleModel, cacheDirectory, resourcesDirectory)) fetchSampleModel(engine)
  return engine.project.summary()
}

/** Another process may be at it already, which is as good. */
function fetchSampleModel(engine: Engine): void {
  try {
    engine.downloads.add({ kind: 'catalogue', id: sampleModel }, null)
  } catch (error) {
    engine.options.tell('notice', { level: 'warning', text: `The sample's model is not here yet: ${toFailure(error).message}` })
  }
}
