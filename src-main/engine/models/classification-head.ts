/** The classification head in a GGUF file's own header, read without llama.cpp. */
import { StudioError } from '../../contract/errors.ts'
import { inspectModel } from './inspect.ts'
import { readModelHeader } from './split.ts'

/** The last layer of every head that llama.cpp's rank pooling applies; `cls.weight` alone is only its hidden layer. */
const headTensor = 'cls.output.weight'

export interface ClassificationHead {
  /** one a logit; null where the file has no name for it */
  labels: (string | null)[]
}

/** null where the file has none. @throws StudioError 'not-found' or 'not-usable' */
export async function classificationHead(path: string): Promise<ClassificationHead | null> {
  const { architecture } = await inspectModel(path)
  const { metadata, tensors } = await readModelHeader(path, 'a reward model')
  const tensor = tensors.find(({ name }) => name === headTensor)
  if (tensor === undefined) return null
  const count = Number(tensor.shape[1] ?? 1n)
  const names = metadata[`${architecture}.classifier.output_labels`]
  const labels = Array.isArray(names) ? names.map(String) : []
  // llama.cpp takes one logit for granted where the file names none
  if (count !== Math.max(1, labels.length)) throw new StudioError('not-usable', `${path} is not usable as a reward model: its head has ${count} outputs, and the file names ${labels.length} labels`)
  return { labels: labels.length === 0 ? [null] : labels }
}
