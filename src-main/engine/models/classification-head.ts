/** The classification head in a GGUF file's own header, read without llama.cpp. */
import { gguf } from '@huggingface/gguf'
import { resolve } from 'node:path'
import { StudioError } from '../../contract/errors.ts'
import { inspectModel } from './inspect.ts'

/** The last layer of every head that llama.cpp's rank pooling applies; `cls.weight` alone is only its hidden layer. */
const headTensor = 'cls.output.weight'

export interface ClassificationHead {
  /** one a logit; null where the file has no name for it */
  labels: (string | null)[]
}

/** null where the file has none. @throws StudioError 'not-found' or 'not-usable' */
export async function classificationHead(path: string): Promise<ClassificationHead | null> {
  const { architecture } = await inspectModel(path)
  const { metadata, tensorInfos } = await gguf(resolve(path), { allowLocalFile: true })
  const tensor = tensorInfos.find(({ name }) => name === headTensor)
  if (tensor === undefined) return null
  const count = Number(tensor.shape[1] ?? 1n)
  const names = (metadata as Record<string, unknown>)[`${architecture}.classifier.output_labels`]
  const labels = Array.isArray(names) ? names.map(String) : []
  // llama.cpp takes one logit for granted where the file names none
  if (count !== Math.max(1, labels.length)) throw new StudioError('not-usable', `${path} is not usable as a reward model: its head has ${count} outputs, and the file names ${labels.length} labels`)
  return { labels: labels.length === 0 ? [null] : labels }
}
