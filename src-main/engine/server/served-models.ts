/** What clients can name as a model: the project's model under its own name, and every method that is ready for it. */
import { basename } from 'node:path'
import { z } from 'zod'
import type { MethodChoice } from '../../contract/control.ts'
import type { ModelFacts } from '../../contract/models.ts'
import type { ValueFunction } from '../../contract/value.ts'
import { StudioError } from '../../contract/errors.ts'
import { listMethods, methodNamed, resolveMethod, type ResolvedMethod } from '../control/methods.ts'
import type { Project } from '../project/project.ts'
import { usableRewards } from '../reward/sources.ts'
import { ApiError } from './api-error.ts'
import type { Asked } from './asked.ts'

export interface ServedModel {
  /** the model's own name, `base`, a method, or a method with a value function: `re-control:3` */
  id: string
  choice: MethodChoice
  /** ISO date of its value function; null without one */
  created: string | null
}

/** What answers a client who names no method. */
export const usualChoice: MethodChoice = { name: 'base', settings: {} }

/** What must be known of the project's model. */
export type ServedFacts = Pick<ModelFacts, 'file' | 'embeddingLength' | 'contextLength'>

/** The model's own name comes first and means `usual`. */
export function servedModels(project: Project, facts: ServedFacts, usual: MethodChoice): ServedModel[] {
  const values = valuesOf(project, facts)
  const rewards = new Set(usableRewards(project).map(({ name }) => name))
  const models: ServedModel[] = [{ id: nameOf(facts.file), choice: usual, created: null }]
  for (const { name } of listMethods()) {
    const usable = (takesValueFunction(name) ? values : [null])
      .map((value) => ({ value, choice: { name, settings: value === null ? {} : { valueFunction: value.id } }, created: value?.created ?? null }))
      .filter(({ choice }) => ready(choice, rewards, values))
    for (const [i, { value, choice, created }] of usable.entries()) {
      if (i === 0) models.push({ id: name, choice, created })
      if (value !== null) models.push({ id: `${name}:${value.id}`, choice, created })
    }
  }
  return models
}

/**
 * The method with its settings that a request chooses: by `method`, else by its model's name; the settings that the
 * studio was told for that method apply unless the request brings its own.
 * @throws ApiError 400 or 404, ZodError for settings that do not fit
 */
export function chosenMethod({ model, method, valueFunction, settings }: Asked, project: Project, facts: ServedFacts, usual: MethodChoice): ResolvedMethod {
  const named = method ?? (model === null || model === nameOf(facts.file) ? usual.name : model)
  const [, name = named, suffix] = /^(.+):(\d+)$/.exec(named) ?? []
  if (!isMethod(name)) {
    if (method !== null) throw new ApiError(400, `there is no method ${short(name)}; GET /v1/models lists those that are ready`, { param: 'method' })
    throw new ApiError(404, `there is no model ${short(named)}; GET /v1/models lists what there is`, { param: 'model', code: 'model_not_found' })
  }
  refuseFiles(name, settings)
  const chosen = { ...(name === usual.name ? usual.settings : {}), ...settings }
  if (takesValueFunction(name)) {
    const id = valueFunction ?? (suffix === undefined ? (chosen['valueFunction'] ?? newestFor(name, project, facts)) : Number(suffix))
    if (id === undefined) throw new ApiError(400, `${name} needs a value function, and this project has none for it yet: train one first`, { param: 'value_function' })
    chosen['valueFunction'] = id
  } else if (valueFunction !== null || suffix !== undefined) throw new ApiError(400, `${name} has no value function`, { param: 'value_function' })
  const unknown = Object.keys(settings).find((key) => !Object.hasOwn(methodNamed(name).settings.shape, key))
  if (unknown !== undefined) throw new ApiError(400, `${name} has no setting ${short(unknown)}; it has ${Object.keys(methodNamed(name).settings.shape).join(', ') || 'none'}`, { param: 'settings' })
  const resolved = resolveMethod({ name, settings: chosen })
  for (const { valueFunction: id } of resolved.control?.terms ?? []) project.valueFunctions.detail(id) // told as 404 before anything begins
  return resolved
}

/** The file's name without its ending. */
export function nameOf(file: string): string {
  return basename(file).replace(/\.gguf$/i, '')
}

function isMethod(name: string): boolean {
  try {
    return methodNamed(name).name === name
  } catch {
    return false
  }
}

/** Of this model's states, the newest first. */
function valuesOf(project: Project, { embeddingLength }: ServedFacts): ValueFunction[] {
  return project.valueFunctions.list().filter(({ inputDim }) => inputDim === embeddingLength).reverse()
}

/** That `GET /v1/models` shows under the method's bare name. */
function newestFor(name: string, project: Project, facts: ServedFacts): number | undefined {
  const values = valuesOf(project, facts)
  return values.find(({ id }) => !isBent({ name, settings: { valueFunction: id } }, values))?.id
}

function takesValueFunction(method: string): boolean {
  return 'valueFunction' in methodNamed(method).settings.shape
}

function ready({ name, settings }: MethodChoice, rewards: Set<string>, values: ValueFunction[]): boolean {
  if (!methodNamed(name).settings.safeParse(settings).success) return false
  const { candidates, search } = resolveMethod({ name, settings })
  const rewarded = [candidates?.reward, search?.by === 'reward' ? search.reward : undefined].every((reward) => reward === undefined || rewards.has(reward))
  return rewarded && !isBent({ name, settings }, values)
}

/** Whether a fixed direction is needed of a value function that has none. */
function isBent(choice: MethodChoice, values: Pick<ValueFunction, 'id' | 'hiddenDims'>[]): boolean {
  const checked = methodNamed(choice.name).settings.safeParse(choice.settings)
  const control = checked.success ? resolveMethod(choice).control : null
  return control?.linear === true && control.terms.some((term) => values.some(({ id, hiddenDims }) => id === term.valueFunction && hiddenDims.length > 0))
}

/** A client must not choose files of this machine; who starts the server may. @throws ApiError 400 */
function refuseFiles(name: string, settings: Record<string, unknown>): void {
  const { properties = {} } = z.toJSONSchema(methodNamed(name).settings, { io: 'input' })
  for (const [key, property] of Object.entries(properties)) {
    const named = settings[key] !== undefined && settings[key] !== null
    if (named && JSON.stringify(property).includes('"gguf-file"')) throw new ApiError(400, `${key} names a file, which clients may not choose: start the server with it`, { param: 'settings' })
  }
}

function short(text: string): string {
  return JSON.stringify(text.length <= 80 ? text : `${text.slice(0, 80)}...`)
}

/** @throws StudioError 'no-model' */
export function modelFileOf(project: Project): string {
  if (project.modelFile === null) throw new StudioError('no-model', 'this project has no model yet')
  return project.modelFile
}
