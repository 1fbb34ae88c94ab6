/** A LoRA adapter in a GGUF file, as llama.cpp's convert_lora_to_gguf.py writes it: checked against the model before llama.cpp gets it. */
import { GGMLQuantizationType as T, GGUFValueType } from '@huggingface/gguf'
import type { StudioError } from '../../contract/errors.ts'
import { readGguf, unusable, type GgufTensor } from './gguf-file.ts'
import { readModelHeader } from './split.ts'

const purpose = 'a LoRA adapter'

/** What llama.cpp multiplies; it aborts on whole numbers. */
const multiplied: readonly number[] = [T.F32, T.F16, T.BF16, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0, T.Q2_K, T.Q3_K, T.Q4_K, T.Q5_K, T.Q6_K]

interface Pair {
  a?: GgufTensor
  b?: GgufTensor
}

/** @throws StudioError 'not-found' or 'not-usable', saying what does not fit */
export async function checkLora(path: string, modelFile: string): Promise<void> {
  const { file, metadata, types, tensors } = await readGguf(path, purpose)
  const no = (reason: string): StudioError => unusable(file, purpose, reason)
  if (metadata['general.type'] !== 'adapter') throw no(`its general.type is ${shown(metadata['general.type'])}, not adapter`)
  if (metadata['adapter.type'] !== 'lora') throw no(`its adapter.type is ${shown(metadata['adapter.type'])}, not lora`)
  if ('adapter.lora.alpha' in metadata && types['adapter.lora.alpha'] !== GGUFValueType.FLOAT32) throw no('its adapter.lora.alpha is not a float32')
  if (!Number.isFinite(metadata['adapter.lora.alpha'] ?? 0)) throw no('its adapter.lora.alpha is not a finite number')
  if ('adapter.alora.invocation_tokens' in metadata) throw no('it is an activated LoRA, which begins in the middle of a prompt; only plain ones can be used')

  const model = await readModelHeader(modelFile, 'a model')
  const architecture = model.metadata['general.architecture']
  if (metadata['general.architecture'] !== architecture) throw no(`it was made for the architecture ${shown(metadata['general.architecture'])}, and the model's is ${shown(architecture)}`)

  const shapes = new Map(model.tensors.map(({ name, shape }) => [name, shape.map(Number)]))
  const pairs = pairsOf(tensors, no)
  if (pairs.size === 0) throw no('it has no tensors that adapt anything')
  for (const [name, { a, b }] of pairs) {
    if (a === undefined || b === undefined) throw no(`of ${name} it has only one of the two matrices`)
    for (const { name: own, dtype } of [a, b]) if (!multiplied.includes(dtype)) throw no(`${own} is of the type ${T[dtype] ?? dtype}, which no model multiplies with`)
    const whole = shapes.get(name)
    if (whole === undefined) throw no(`it adapts ${name}, which the model does not have: it was made for another model`)
    if (!fits(name, whole, a.shape.map(Number), b.shape.map(Number))) throw no(`its matrices for ${name} are (${a.shape.join(', ')}) and (${b.shape.join(', ')}), which do not fit the model's (${whole.join(', ')})`)
  }
  // llama.cpp takes a tied head for the token embedding, whose adapter has its matrices the other way round, and aborts
  if (pairs.has('token_embd.weight') && !shapes.has('output.weight')) throw no('it adapts the token embedding, which in this model is the output head too; llama.cpp cannot do that')
}

/** The matrices of each adapted tensor. llama.cpp leaves adapted norms out, and refuses all else. */
function pairsOf(tensors: GgufTensor[], no: (reason: string) => StudioError): Map<string, Pair> {
  const pairs = new Map<string, Pair>()
  for (const tensor of tensors) {
    const [, name, part] = /^(.+)\.lora_([ab])$/.exec(tensor.name) ?? []
    if (name !== undefined) pairs.set(name, { ...pairs.get(name), [part as 'a' | 'b']: tensor })
    else if (!tensor.name.endsWith('_norm.weight')) throw no(`its tensor ${tensor.name} belongs to no LoRA adapter`)
  }
  return pairs
}

/** W (in, out, experts) is adapted by A (in, r, experts) and B (r, out, experts), all in ggml's order; an embedding's A is (r, out), B (r, in). */
function fits(name: string, whole: number[], a: number[], b: number[]): boolean {
  const [inputs, outputs = 1, ...others] = whole
  const rank = b[0]
  const expectedA = name === 'token_embd.weight' ? [rank, outputs] : [inputs, rank, ...others]
  const expectedB = name === 'token_embd.weight' ? [rank, inputs] : [rank, outputs, ...others]
  return whole.length >= 2 && rank !== undefined && rank > 0 && same(a, expectedA) && same(b, expectedB)
}

const same = (a: (number | undefined)[], b: (number | undefined)[]): boolean => a.length === b.length && a.every((size, i) => size === b[i])

const shown = (value: unknown): string => (value === undefined ? 'missing' : String(value).slice(0, 60))
