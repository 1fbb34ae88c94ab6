/** The flags of every reward source's settings. */
import { listSources, sourceNamed } from '../engine/reward/sources.ts'
import { flagsOf } from './arguments.ts'

export const sourceFlags: readonly string[] = [...new Set(listSources().flatMap(({ name }) => flagsOf(sourceNamed(name).settings)))]
