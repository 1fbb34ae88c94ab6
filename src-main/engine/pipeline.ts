/** The settings of a whole pipeline: one JSON file, from the data to the table. */
import { existsSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { z } from 'zod'
import { methodChoice } from '../contract/control.ts'
import { importSettings } from '../contract/data.ts'
import { metricChoice, sweep } from '../contract/evaluate.ts'
import { stageSettings, type StageSettings } from '../contract/pipeline.ts'
import { rewardName } from '../contract/reward.ts'
import { chosenSettings } from '../contract/shared.ts'
import { readJson, statOf } from './files.ts'
import { StudioError } from '../contract/errors.ts'
import type { Project } from './project/project.ts'
import { replaceFileSync } from './replace-file.ts'

const { collect, train, evaluate } = stageSettings.shape
const longestSettings = 16 << 20 // bytes

const pipeline = z.strictObject({
  /** a folder, made if it is not there; relative to the settings file */
  project: z.string().min(1).optional(),
  /** without `project`: the project of this name in the studio's own folder */
  name: z.string().min(1).optional(),
  /** a GGUF file; without it the sample's model */
  model: z.string().min(1).optional(),
  data: importSettings.strict(),
  collect: collect.unwrap().strict().prefault({}),
  reward: z.strictObject({ source: z.string(), name: rewardName.nullable().default(null), settings: chosenSettings.default({}) }).prefault({ source: 'tone' }),
  train: train.unwrap().strict().prefault({}),
  evaluate: evaluate.unwrap().strict().extend({ methods: z.array(methodChoice).min(1), sweep: sweep.nullable().default(null), metrics: z.array(metricChoice).max(32).default([]) })
})
export type Pipeline = z.infer<typeof pipeline>

/** Paths come back absolute. @throws StudioError 'not-found' or 'bad-request' */
export function readPipeline(path: string): Pipeline {
  const file = resolve(path)
  const settings = pipeline.parse(readJson(file))
  const absolute = (p: string): string => (isAbsolute(p) ? p : join(dirname(file), p))
  return {
    ...settings,
    project: settings.project && absolute(settings.project),
    model: settings.model && absolute(settings.model),
    data: { ...settings.data, file: settings.data.file.startsWith('hf://') ? settings.data.file : absolute(settings.data.file) }
  }
}

/** Keeps the settings with the project, so that its forms begin with them and it can be run again. */
export function keepPipeline(project: Project, settings: Pipeline): void {
  replaceFileSync(project.settingsFile, `${JSON.stringify({ ...settings, project: project.directory, name: undefined }, null, 2)}\n`)
}

/** The stages' settings of the pipeline that is kept with the project; the usual ones without it. */
export function stageSettingsOf(project: Project): StageSettings {
  if ((statOf(project.settingsFile)?.size ?? 0) > longestSettings) throw new StudioError('bad-request', `${project.settingsFile} is longer than any settings`)
  return stageSettings.parse(existsSync(project.settingsFile) ? readPipeline(project.settingsFile) : {})
}
