/** Which kind of collected states a path holds. */
import { readdirSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { StudioError } from '../../contract/errors.ts'
import { statOf } from '../files.ts'
import { BadFile } from '../tensors/bad-file.ts'
import { indexFile } from './layout.ts'
import { isActivations, openPublicFeatures } from './public-code.ts'
import { openSafetensors } from './safetensors-source.ts'
import type { ForeignStates } from './source.ts'

/** @throws StudioError 'not-found', or BadFile */
export function openStates(path: string): Promise<ForeignStates> {
  const stat = statOf(path)
  if (stat === undefined) throw new StudioError('not-found', `there is no file or folder ${path}`)
  if (stat.isDirectory()) return openFolder(path)
  const name = basename(path)
  if (name === indexFile) return openFolder(dirname(path))
  if (isActivations(name)) return openPublicFeatures(dirname(path), [name])
  return openSafetensors(dirname(path), [name])
}

function openFolder(directory: string): Promise<ForeignStates> {
  const names = readdirSync(directory).sort()
  const tensors = names.filter((name) => name.endsWith('.safetensors'))
  if (names.includes(indexFile) || tensors.length > 0) return openSafetensors(directory, tensors)
  const activations = names.filter(isActivations)
  if (activations.length > 0) return openPublicFeatures(directory, activations)
  throw new BadFile('it holds neither safetensors files nor token_wise_activations of the public code')
}
