/**
 * Value functions as files that the public Python code reads and writes: safetensors with its names fc1, fc2, fc3,
 * .weight (out, in) and .bias; and what torch.save wrote of a state_dict, read as data. The metadata says what plain
 * tensors cannot: scale, reward units, source. A file without it was trained on raw states and rewards: c = 1, so that
 * its alphas mean what they meant.
 */
import { basename } from 'node:path'
import { z } from 'zod'
import { StudioError } from '../../contract/errors.ts'
import type { Network } from '../../model-host/messages/train.ts'
import { naming, BadFile } from '../tensors/bad-file.ts'
import { safetensorsHeader } from '../tensors/safetensors.ts'
import { TensorFile } from '../tensors/tensor-file.ts'
import { readLayers } from './state-dict.ts'
import { replaceFile } from '../replace-file.ts'

export interface ValueFile {
  network: Network
  name: string
  source: string
  /** c of x = (h - mu) / c */
  scale: number
  rewardMean: number
  rewardScale: number
  /** SHA-256 of the model whose states it takes, where that is known */
  model: string | null
}

const number = z.string().trim().min(1).transform(Number).pipe(z.number())
const positive = z.string().trim().min(1).transform(Number).pipe(z.number().positive())
const metadataSchema = z.object({
  name: z.string().max(200).optional(),
  source: z.string().max(200).optional(),
  scale: positive.default(1),
  rewardMean: number.default(0),
  rewardScale: positive.default(1),
  model: z.string().regex(/^[0-9a-f]{64}$/).nullable().catch(null)
})

/** Takes the place of an earlier file once it is whole. @throws StudioError 'not-usable' where it cannot be written */
export async function writeValueFunction(file: string, { network, model, ...about }: ValueFile, more: Record<string, string> = {}): Promise<void> {
  const dims = [network.inputDim, ...network.layers.map(({ bias }) => bias.length)]
  const tensors = network.layers.flatMap((layer, i) => [
    { name: `fc${i + 1}.weight`, dtype: 'F32' as const, shape: [dims[i + 1] as number, dims[i] as number], values: layer.weight },
    { name: `fc${i + 1}.bias`, dtype: 'F32' as const, shape: [dims[i + 1] as number], values: layer.bias }
  ])
  const metadata = {
    format: 'pt', kind: 're-control value function', version: '1',
    ...Object.fromEntries(Object.entries(about).map(([key, value]) => [key, String(value)])),
    ...(model === null ? {} : { model }),
    ...more
  }
  try {
    await replaceFile(file, Buffer.concat([safetensorsHeader(tensors, metadata), ...tensors.map(({ values }) => Buffer.from(values.buffer, values.byteOffset, values.byteLength))]))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined || code === 'ENOSPC') throw error
    throw new StudioError('not-usable', `${file} cannot be written (${code})`, { cause: error })
  }
}

/** @throws StudioError 'not-found' or 'not-usable' */
export async function readValueFunction(path: string): Promise<ValueFile> {
  const file = await TensorFile.open(path)
  try {
    return await naming(path, async () => {
      const metadata = metadataSchema.safeParse(file.metadata)
      if (!metadata.success) {
        const { path: [key], message } = metadata.error.issues[0] as z.core.$ZodIssue
        throw new BadFile(`its metadata is damaged, ${String(key)}: ${message}`)
      }
      return { network: await readLayers(file), ...metadata.data, name: metadata.data.name ?? basename(path), source: metadata.data.source ?? 'imported' }
    })
  } finally {
    await file.close()
  }
}
