/** A control vector: a direction for each layer, added to the residual after it, at every token of prompt and response. */
import { z } from 'zod'
import { StudioError } from '../../contract/errors.ts'
import { ggufPath } from './gguf-path.ts'
import type { AdapterPlan, SteeringMethod } from './method.ts'

const settings = z.object({
  vectorFile: ggufPath('Control vector file', "GGUF file with the tensors direction.1, direction.2 and so on, as llama.cpp's cvector-generator and repeng write it"),
  strength: z.number().min(-100).max(100).default(1).meta({ title: 'Strength', description: 'What every direction is multiplied by; below 0 it steers away' }),
  firstLayer: z.int().min(1).max(1000).default(1).meta({ title: 'First layer', description: 'Layers count from 0; the first of them has no direction' }),
  lastLayer: z.int().min(1).max(1000).nullable().default(null).meta({ title: 'Last layer', description: 'Included; empty for all that follow' })
})

export const controlVector: SteeringMethod<typeof settings> = {
  name: 'control-vector',
  title: 'Control vector',
  description: 'Adds a fixed direction of its own to every layer, at every token of prompt and response.',
  source: 'arXiv:2310.01405',
  settings,
  adapter: vectorPlan
}

/** @throws StudioError 'bad-request' where there is no layer between the two */
export function vectorPlan({ vectorFile, strength, firstLayer, lastLayer }: z.output<typeof settings>): AdapterPlan {
  if (lastLayer !== null && lastLayer < firstLayer) throw new StudioError('bad-request', `the last layer, ${lastLayer}, is before the first, ${firstLayer}`)
  return { kind: 'control-vector', file: vectorFile, strength, firstLayer, lastLayer }
}
