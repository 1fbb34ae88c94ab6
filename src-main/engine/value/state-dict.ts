/**
 * The layers of a value function in a state_dict. The public code calls them fc1, fc2, fc3; people rename them, so that
 * any names count that end in a number and are alike but for it: 0.weight, 2.weight of a Sequential, layers.1.weight.
 * Between the layers there are ReLUs: the file does not say so, a value function of this method has them.
 */
import type { Layer, Network } from '../../model-host/messages/train.ts'
import { BadFile } from '../tensors/bad-file.ts'
import { isFloat, toFloat32 } from '../tensors/dtype.ts'
import { elementsOf, type Tensor } from '../tensors/tensor.ts'
import type { TensorFile } from '../tensors/tensor-file.ts'
import { shown } from '../tensors/zip.ts'

/** Two hidden layers of 8192 on states of 8192 are 134 million; more than this does not fit into one row of the project. */
const mostNumbers = 200_000_000
const mostLayers = 3

interface NamedLayer {
  name: string
  weight: Tensor
  bias: Tensor
}

/** @throws BadFile for anything but one to three layers that follow each other, the last with one output */
export async function readLayers(file: TensorFile): Promise<Network> {
  const named = layersIn(file.tensors)
  const inputDim = checkShapes(named)
  const layers: Layer[] = []
  for (const { name, weight, bias } of named) {
    layers.push({ weight: await numbersOf(file, `${name}.weight`, weight), bias: await numbersOf(file, `${name}.bias`, bias) })
  }
  return { inputDim, layers }
}

async function numbersOf(file: TensorFile, name: string, tensor: Tensor): Promise<Float32Array> {
  await file.check(tensor)
  const numbers = toFloat32(tensor.dtype, await file.read(tensor))
  if (!numbers.every(Number.isFinite)) throw new BadFile(`${name} holds a NaN or an infinity`)
  return numbers
}

/** In their order. */
function layersIn(tensors: ReadonlyMap<string, Tensor>): NamedLayer[] {
  const names = new Map<string, { stem: string; number: number; weight?: Tensor; bias?: Tensor }>()
  for (const [full, tensor] of tensors) {
    const match = /^(?:(?:module|_orig_mod)\.)*(.*?)(\d{1,3})\.(weight|bias)$/.exec(full)
    if (match === null) throw new BadFile(`${shown(full)} in it is no weight or bias of a numbered layer, such as fc1.weight`)
    const [, stem = '', number = '', part] = match
    const name = `${stem}${number}`
    const layer = names.get(name) ?? { stem, number: Number(number) }
    if (layer[part as 'weight' | 'bias'] !== undefined) throw new BadFile(`${shown(full)} is in it twice`)
    names.set(name, { ...layer, [part as string]: tensor })
  }
  const layers = [...names].sort(([, a], [, b]) => a.number - b.number)
  const stems = new Set(layers.map(([, { stem }]) => stem))
  const numbers = new Set(layers.map(([, { number }]) => number))
  if (stems.size > 1 || numbers.size < layers.length) throw new BadFile(`its layers are not named alike: ${layers.slice(0, 6).map(([name]) => shown(name)).join(', ')}`)
  if (layers.length === 0 || layers.length > mostLayers) throw new BadFile(`it has ${layers.length} layers; a value function has one to three: fc1, fc2, fc3`)
  refuseGaps(layers.map(([, { number }]) => number))
  return layers.map(([name, { weight, bias }]) => {
    if (weight === undefined || bias === undefined) throw new BadFile(`it has no ${name}.${weight === undefined ? 'weight' : 'bias'}`)
    return { name, weight, bias }
  })
}

/** fc1, fc3 is a value function that lost its middle; 0, 2, 4 of a Sequential has its ReLUs between, and maybe dropout. */
function refuseGaps(numbers: readonly number[]): void {
  const steps = new Set(numbers.slice(1).map((number, i) => number - (numbers[i] as number)))
  const first = numbers[0] as number
  if (steps.size > 1 || (first === 1 && steps.has(2)) || first > 1) throw new BadFile(`a layer is missing: it has those numbered ${numbers.join(', ')}`)
}

/** @returns the length of a state */
function checkShapes(layers: readonly NamedLayer[]): number {
  let inputDim = 0
  let inputs: number | null = null
  let numbers = 0
  for (const { name, weight, bias } of layers) {
    const [rows = 0, columns = 0] = weight.shape
    if (weight.shape.length !== 2 || rows === 0 || columns === 0) throw new BadFile(`${name}.weight is not a matrix`)
    if (bias.shape.length !== 1 || bias.shape[0] !== rows) throw new BadFile(`${name}.bias does not have the ${rows} numbers of its layer`)
    if (inputs !== null && columns !== inputs) throw new BadFile(`${name}.weight takes ${columns} numbers, not the ${inputs} of the layer before`)
    if (!isFloat(weight.dtype) || !isFloat(bias.dtype)) throw new BadFile(`${name} has numbers of the type ${isFloat(weight.dtype) ? bias.dtype : weight.dtype}, not floats`)
    if (inputs === null) inputDim = columns
    inputs = rows
    numbers += elementsOf(weight.shape) + rows
  }
  if (numbers > mostNumbers) throw new BadFile(`it has ${numbers} numbers; a value function has at most ${mostNumbers}`)
  if (inputs !== 1) throw new BadFile(`its last layer has ${inputs ?? 0} outputs; a value function has one`)
  return inputDim
}
