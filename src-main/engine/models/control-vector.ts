/**
 * A control vector in a GGUF file with the tensors direction.1, direction.2, ... (llama.cpp's cvector-generator, repeng):
 * each is added to the residual after the layer of its number, layers counted from 0.
 */
import { GGMLQuantizationType as T } from '@huggingface/gguf'
import { closeSync, openSync, readSync } from 'node:fs'
import { StudioError } from '../../contract/errors.ts'
import { readGguf, unusable } from './gguf-file.ts'

const purpose = 'a control vector'

export interface VectorPlace {
  /** of the model */
  layers: number
  /** D: numbers of a direction */
  size: number
  /** what every direction is multiplied by */
  strength: number
  /** only the directions of these layers are used, both ends included; null: to the last one */
  firstLayer: number
  lastLayer: number | null
}

/** @returns (layers - 1, D): row l belongs to layer l + 1 @throws StudioError 'not-found', 'not-usable' or 'bad-request' */
export async function readControlVector(path: string, { layers, size, strength, firstLayer, lastLayer }: VectorPlace): Promise<Float32Array> {
  const { file, tensors, dataStart } = await readGguf(path, purpose)
  const no = (reason: string): StudioError => unusable(file, purpose, reason)
  const data = new Float32Array((layers - 1) * size)
  let used = 0
  const descriptor = openSync(file, 'r')
  try {
    for (const { name, shape, dtype, offset } of tensors) {
      const layer = Number(/^direction\.(\d{1,6})$/.exec(name)?.[1] ?? NaN)
      if (Number.isNaN(layer)) throw no(`its tensor ${name} is none of a control vector, which has direction.1, direction.2 and so on`)
      if (layer === 0) throw no('it has a direction for layer 0, where none can be added')
      if (layer >= layers) throw no(`it has a direction for layer ${layer}, and the model's last is ${layers - 1}: it was made for another model`)
      if (shape.length !== 1 || Number(shape[0]) !== size) throw no(`${name} has ${shape.join(' x ')} numbers, and the model's states have ${size}: it was made for another model`)
      if (dtype !== T.F32) throw no(`${name} is of the type ${T[dtype] ?? dtype}, not F32`)
      if (layer < firstLayer || layer > (lastLayer ?? layers)) continue
      const direction = floatsAt(descriptor, dataStart + Number(offset), size)
      if (!direction.every(Number.isFinite)) throw no(`${name} has numbers that are not finite`)
      direction.forEach((x, i) => (data[(layer - 1) * size + i]! += strength * x))
      if (!data.subarray((layer - 1) * size, layer * size).every(Number.isFinite)) throw no(`${name} is too large for a float32 at a strength of ${strength}`)
      used++
    }
  } finally {
    closeSync(descriptor)
  }
  if (used === 0) throw new StudioError('bad-request', `${file} has no direction for a layer from ${firstLayer} to ${lastLayer ?? layers - 1}`)
  return data
}

function floatsAt(descriptor: number, position: number, count: number): Float32Array {
  const floats = new Float32Array(count)
  const read = readSync(descriptor, floats, 0, floats.byteLength, position)
  if (read !== floats.byteLength) throw new StudioError('not-usable', 'the file is cut off')
  return floats
}
