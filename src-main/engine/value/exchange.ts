/** Value functions out of a project and into it, as files that the public Python code understands. */
import { resolve } from 'node:path'
import { StudioError } from '../../contract/errors.ts'
import { statOf } from '../files.ts'
import { inspectModel } from '../models/inspect.ts'
import type { Project } from '../project/project.ts'
import { version } from '../version.ts'
import { readValueFunction, writeValueFunction } from './value-file.ts'

/** @returns the whole path. @throws StudioError 'not-found', or 'not-usable' where it cannot be written */
export async function exportValueFunction(project: Project, id: number, path: string): Promise<string> {
  const file = resolve(path)
  const { name, source, scale, rewardMean, rewardScale, settings } = project.valueFunctions.detail(id)
  const model = project.valueFunctions.manifest(id)?.model ?? null
  const more = { studio: version, ...(settings === null ? {} : { settings: JSON.stringify(settings) }) }
  await writeValueFunction(file, { network: project.valueFunctions.network(id), name, source, scale, rewardMean, rewardScale, model }, more)
  return file
}

/**
 * @returns its id, and what a person should know about it, or null
 * @throws StudioError 'not-found'; 'not-usable' for a file that holds none, or one for states of another length than the project's model has
 */
export async function importValueFunction(project: Project, path: string): Promise<{ id: number; warning: string | null }> {
  const file = resolve(path)
  const { network, model, ...about } = await readValueFunction(file)
  const { modelFile } = project
  if (modelFile !== null && statOf(modelFile) !== undefined) {
    const { embeddingLength } = await inspectModel(modelFile)
    if (network.inputDim !== embeddingLength) {
      throw new StudioError('not-usable', `${file} takes states of ${network.inputDim} numbers, but those of this project's model have ${embeddingLength}`)
    }
  }
  const id = project.valueFunctions.add({ ...about, network, collection: null, settings: null, bestEpoch: 0, curve: [], calibration: [], manifest: null })
  const known = knownModel(project)
  const other = model !== null && known !== null && model !== known
  return { id, warning: other ? 'It was trained on the states of another model file than the collections of this project, so its values may mean nothing here' : null }
}

/** SHA-256 of the model that the project's last collection was made with: computing it of a large file takes minutes. */
function knownModel(project: Project): string | null {
  const last = project.collections.list().at(-1)
  const model = last === undefined ? '' : project.collections.manifest(last.id).model
  return /^[0-9a-f]{64}$/.test(model) ? model : null // imported states may not say it
}
