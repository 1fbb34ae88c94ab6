/** A method's settings from flags: --value-function, --alpha, --updates, ... as its schema has them. */
import type { MethodChoice } from '../contract/control.ts'
import { StudioError } from '../contract/errors.ts'
import { completeChoice, listMethods, methodNamed } from '../engine/control/methods.ts'
import type { Project } from '../engine/project/project.ts'
import { flagsOf, settingsFrom, UsageError } from './arguments.ts'
import { readChoices } from './choices.ts'
import type { Input } from './command.ts'

export const methodFlags: readonly string[] = [...new Set(listMethods().flatMap(({ name }) => flagsOf(methodNamed(name).settings)))]

/** Complete, with the newest value function where the method needs one and none is named. @throws StudioError or UsageError */
export function methodFrom(name: string, input: Input, project: Project): MethodChoice {
  return withValueFunction({ name, settings: settingsFrom(methodNamed(name).settings, input) }, project)
}

/** Of a list such as base,re-control{alpha=2}: what a method has in braces, then what the flags say. @throws StudioError or UsageError */
export function methodsFrom(list: string, flag: string, input: Input, project: Project): MethodChoice[] {
  return readChoices(list, flag, (name) => methodNamed(name).settings).map(({ name, argument, settings }) => {
    if (argument !== null) throw new UsageError(`--${flag}: settings of ${name} stand in braces, e.g. ${name}{alpha=2}`)
    return withValueFunction({ name, settings: { ...settingsFrom(methodNamed(name).settings, input), ...settings } }, project)
  })
}

export function withValueFunction({ name, settings }: MethodChoice, project: Project): MethodChoice {
  const { shape } = methodNamed(name).settings
  if (!('valueFunction' in shape) || settings['valueFunction'] !== undefined) return completeChoice({ name, settings })
  const newest = project.valueFunctions.list().at(-1)
  if (newest === undefined) throw new StudioError('bad-request', `${name} needs a value function, and this project has none yet: train one first`)
  return completeChoice({ name, settings: { ...settings, valueFunction: newest.id } })
}
