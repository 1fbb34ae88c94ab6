/** A GGUF file's header as facts, read without llama.cpp, which can abort on a hostile one. */
import { GGMLFileQuantizationType } from '@huggingface/gguf'
import { readFileSync } from 'node:fs'
import { freemem } from 'node:os'
import type { ModelFacts } from '../../contract/models.ts'
import { unusable, type GgufTensor } from './gguf-file.ts'
import { batchTokens, contextTokens } from './room.ts'
import { readModelHeader } from './split.ts'
import { tensorBytes } from './tensor-bytes.ts'

const purpose = 'a model'

/** @throws StudioError 'not-found' or 'not-usable', saying what the file is instead */
export async function inspectModel(path: string): Promise<ModelFacts> {
  const { file, bytes, parts, metadata, tensors, parameters } = await readModelHeader(path, purpose)
  const value = (key: string): unknown => metadata[key]
  const text = (key: string): string | null => (typeof value(key) === 'string' ? (value(key) as string) : null)
  const architecture = text('general.architecture')
  if (architecture === null) throw unusable(file, purpose, 'its header names no architecture')
  const number = (key: string): number | null => {
    const n = Number(value(`${architecture}.${key}`))
    return value(`${architecture}.${key}`) !== undefined && Number.isSafeInteger(n) && n > 0 ? n : null
  }
  const embeddingLength = number('embedding_length')
  const blockCount = number('block_count')
  const contextLength = number('context_length')
  if (embeddingLength === null || blockCount === null || contextLength === null) {
    throw unusable(file, purpose, 'its header lacks embedding, block or context length: it is not a language model')
  }
  // every block has tensors of its own; a hostile count would be an array of as many places here, and more in llama.cpp
  if (blockCount > tensors.length) throw unusable(file, purpose, `its header says ${blockCount} blocks, and it has ${tensors.length} tensors`)

  const vocabulary = value('tokenizer.ggml.tokens')
  const vocabularySize = Array.isArray(vocabulary) ? vocabulary.length : null
  const heads = number('attention.head_count') ?? 1
  const keyValueHeads = number('attention.head_count_kv') ?? heads
  const headSize = number('attention.key_length') ?? embeddingLength / heads
  const cachePerToken = keyValueHeads * headSize * 2 * 2 // keys and values, two bytes a number
  const computePerToken = 4 * (embeddingLength * 16 + (vocabularySize ?? 0))
  const sizes = { ...weightsByPart(tensors, blockCount), cachePerToken, computePerToken }
  const memoryNeeded = bytes + blockCount * cachePerToken * contextTokens + computePerToken * batchTokens
  const memoryAvailable = availableMemory()
  return {
    file, bytes, parts, architecture, embeddingLength, blockCount, contextLength, vocabularySize,
    name: text('general.name'),
    parameters,
    quantization: quantizationName(Number(value('general.file_type') ?? NaN), tensors),
    licence: text('general.license'),
    hasChatTemplate: text('tokenizer.chat_template') !== null,
    sizes, memoryNeeded, memoryAvailable,
    fits: memoryNeeded <= memoryAvailable
  }
}

/** Bytes of each layer and of the output head. What is neither always stays in the machine's memory. */
function weightsByPart(tensors: GgufTensor[], blockCount: number): Pick<ModelFacts['sizes'], 'layers' | 'output' | 'shared'> {
  const layers = new Array<number>(blockCount).fill(0)
  let output = 0
  let embeddings = 0
  let hasHead = false
  for (const tensor of tensors) {
    const layer = Number(/^blk\.(\d+)\./.exec(tensor.name)?.[1] ?? -1)
    if (layer >= 0 && layer < blockCount) layers[layer] = (layers[layer] as number) + tensorBytes(tensor)
    else if (tensor.name.startsWith('output')) output += tensorBytes(tensor)
    else if (tensor.name === 'token_embd.weight') embeddings = tensorBytes(tensor)
    if (tensor.name === 'output.weight') hasHead = true
  }
  return { layers, output, shared: hasHead ? 0 : embeddings }
}

function quantizationName(fileType: number, tensors: { dtype: number; n_dims: number }[]): string {
  const named = GGMLFileQuantizationType[fileType]
  if (named !== undefined) return named
  return tensors.every((tensor) => tensor.dtype === 0) ? 'F32' : 'unknown'
}

/** What a new process could get without swapping, in bytes: on Linux the kernel's own estimate. */
export function availableMemory(): number {
  if (process.platform !== 'linux') return freemem()
  const match = /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))
  return match === null ? freemem() : Number(match[1]) * 1024
}
