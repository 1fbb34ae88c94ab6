/** A GGUF file's header as facts, read without llama.cpp, which can abort on a hostile one. */
import { gguf, GGMLFileQuantizationType } from '@huggingface/gguf'
import { openSync, closeSync, readSync, readFileSync } from 'node:fs'
import { freemem } from 'node:os'
import { resolve } from 'node:path'
import type { ModelFacts } from '../../contract/entities.ts'
import { StudioError } from '../../contract/errors.ts'
import { statOf } from '../files.ts'
import { batchTokens, contextTokens } from './room.ts'
import { tensorBytes } from './tensor-bytes.ts'

/** @throws StudioError 'not-found' or 'not-usable', saying what the file is instead */
export async function inspectModel(path: string): Promise<ModelFacts> {
  const file = resolve(path)
  const bytes = checkedSize(file)
  const { metadata, tensorInfos, tensorDataOffset, parameterCount } = await parse(file)
  // the reader takes what lies behind the end for zeros, so the end of the last tensor tells whether all is there
  const ends = tensorInfos.map((tensor) => Number(tensorDataOffset) + Number(tensor.offset) + tensorBytes(tensor))
  if (tensorInfos.length === 0 || Math.max(...ends) > bytes) throw unusable(file, `it is cut off after ${bytes} bytes`)
  const value = (key: string): unknown => (metadata as Record<string, unknown>)[key]
  const text = (key: string): string | null => (typeof value(key) === 'string' ? (value(key) as string) : null)
  const architecture = text('general.architecture')
  if (architecture === null) throw unusable(file, 'its header names no architecture')
  const number = (key: string): number | null => {
    const n = Number(value(`${architecture}.${key}`))
    return value(`${architecture}.${key}`) !== undefined && Number.isSafeInteger(n) && n > 0 ? n : null
  }
  const embeddingLength = number('embedding_length')
  const blockCount = number('block_count')
  const contextLength = number('context_length')
  if (embeddingLength === null || blockCount === null || contextLength === null) {
    throw unusable(file, 'its header lacks embedding, block or context length: it is not a language model')
  }

  const vocabulary = value('tokenizer.ggml.tokens')
  const vocabularySize = Array.isArray(vocabulary) ? vocabulary.length : null
  const heads = number('attention.head_count') ?? 1
  const keyValueHeads = number('attention.head_count_kv') ?? heads
  const headSize = number('attention.key_length') ?? embeddingLength / heads
  const cachePerToken = keyValueHeads * headSize * 2 * 2 // keys and values, two bytes a number
  const computePerToken = 4 * (embeddingLength * 16 + (vocabularySize ?? 0))
  const sizes = { ...weightsByPart(tensorInfos, blockCount), cachePerToken, computePerToken }
  const memoryNeeded = bytes + blockCount * cachePerToken * contextTokens + computePerToken * batchTokens
  const memoryAvailable = availableMemory()
  return {
    file, bytes, architecture, embeddingLength, blockCount, contextLength, vocabularySize,
    name: text('general.name'),
    parameters: parameterCount,
    quantization: quantizationName(Number(value('general.file_type') ?? NaN), tensorInfos),
    licence: text('general.license'),
    hasChatTemplate: text('tokenizer.chat_template') !== null,
    sizes, memoryNeeded, memoryAvailable,
    fits: memoryNeeded <= memoryAvailable
  }
}

type Tensor = Parameters<typeof tensorBytes>[0] & { name: string }

/** Bytes of each layer and of the output head. What is neither always stays in the machine's memory. */
function weightsByPart(tensors: Tensor[], blockCount: number): Pick<ModelFacts['sizes'], 'layers' | 'output' | 'shared'> {
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

function checkedSize(file: string): number {
  const stat = statOf(file)
  if (stat === undefined) throw new StudioError('not-found', `there is no file ${file}`)
  if (stat.isDirectory()) throw unusable(file, 'it is a folder')
  if (!stat.isFile()) throw unusable(file, 'it is not an ordinary file')
  const head = Buffer.alloc(4)
  const descriptor = openSync(file, 'r')
  try {
    readSync(descriptor, head, 0, 4, 0)
  } finally {
    closeSync(descriptor)
  }
  if (head.toString('latin1') !== 'GGUF') throw unusable(file, 'it does not begin like a GGUF file')
  return stat.size
}

async function parse(file: string): Promise<Awaited<ReturnType<typeof parseHeader>>> {
  try {
    return await parseHeader(file)
  } catch (error) {
    throw unusable(file, `its header cannot be read (${error instanceof Error ? error.message : String(error)})`)
  }
}

const parseHeader = (file: string) => gguf(file, { allowLocalFile: true, computeParametersCount: true })

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

function unusable(file: string, reason: string): StudioError {
  return new StudioError('not-usable', `${file} is not usable as a model: ${reason}`)
}
