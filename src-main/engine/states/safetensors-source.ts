/** States in the layout of layout.ts: a folder with its index, or safetensors files that somebody else wrote, with the texts beside. */
import { createReadStream, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { crc32 } from 'node:zlib'
import { rewardName } from '../../contract/reward.ts'
import { statOf } from '../files.ts'
import { BadFile } from '../tensors/bad-file.ts'
import { isFloat, toIntegers } from '../tensors/dtype.ts'
import type { Tensor } from '../tensors/tensor.ts'
import { TensorFile } from '../tensors/tensor-file.ts'
import { shown } from '../tensors/zip.ts'
import { indexFile, indexSchema, rewardPrefix, textsFile, type Index } from './layout.ts'
import { batchBytes, countsIn, halvesOf, longestState, nextRow, refuseMore, responseRow, rewardsIn, rowsIn, type ForeignResponse, type ForeignStates } from './source.ts'

const longestIndex = 16 * 1024 * 1024

interface Shard {
  file: TensorFile
  states: Tensor
  lengths: Float64Array
  tokens: Tensor | null
  /** by name, in one order for all shards */
  rewards: Map<string, Float32Array>
}

/** @param files shards in their order. @throws BadFile, StudioError */
export async function openSafetensors(directory: string, files: string[]): Promise<ForeignStates> {
  const index = readIndex(directory)
  const names = index === null ? files : index.shards.map(({ file }) => file)
  if (index !== null && files.length === 1 && names.length > 1 && names.includes(files[0] as string)) throw new BadFile(`it is one of ${names.length} parts; choose the folder`)
  const shards: Shard[] = []
  const close = async (): Promise<void> => {
    for (const { file } of shards) await file.close()
  }
  try {
    for (const name of names) shards.push(await openShard(join(directory, name)))
    const [first] = shards
    if (first === undefined) throw new BadFile('it has no safetensors file')
    const inputDim = first.states.shape[1] as number
    for (const { file, states, rewards } of shards) {
      if (states.shape[1] !== inputDim) throw new BadFile(`the states of ${basename(file.path)} have ${states.shape[1]} numbers, those before ${inputDim}`)
      if ([...rewards.keys()].join() !== [...first.rewards.keys()].join()) throw new BadFile(`${basename(file.path)} has other rewards than the files before it`)
    }
    if (index !== null) refuseOther(index, shards)
    const responses = shards.reduce((sum, { lengths }) => sum + lengths.length, 0)
    const texts = join(directory, index?.texts.file ?? textsFile)
    if (statOf(texts)?.isFile() !== true) throw new BadFile(`the texts are missing: ${basename(texts)}, one line a response with prompt and response`)
    const model = index?.manifest.model ?? first.file.metadata['model'] ?? ''
    return {
      name: index?.name ?? basename(directory),
      inputDim, responses,
      model: /^[0-9a-f]{64}$/.test(model) ? model : null,
      settings: index?.settings ?? null,
      manifest: index?.manifest ?? null,
      rewards: [...first.rewards.keys()].map((name) => ({ name, from: index?.rewards.find((one) => one.name === name)?.source ?? null })),
      read: (signal) => read(shards, texts, responses, signal),
      check: (signal) => (index === null ? Promise.resolve() : checkSums(directory, index, signal)),
      close
    }
  } catch (error) {
    await close()
    throw error
  }
}

function readIndex(directory: string): Index | null {
  const path = join(directory, indexFile)
  const stat = statOf(path)
  if (stat === undefined) return null
  if (!stat.isFile() || stat.size > longestIndex) throw new BadFile(`its ${indexFile} is not one of a collection`)
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    throw new BadFile(`its ${indexFile} is not JSON`)
  }
  const parsed = indexSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new BadFile(`its ${indexFile} is not one of a collection: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`)
}

async function openShard(path: string): Promise<Shard> {
  const file = await TensorFile.open(path)
  try {
    const states = file.tensor('states')
    const [rows = 0, inputDim = 0] = states.shape
    if (states.shape.length !== 2 || !isFloat(states.dtype) || inputDim < 1 || inputDim > longestState) throw new BadFile('its states are not a matrix of floats, a row a token')
    const lengths = await countsIn(file, 'lengths', file.tensor('lengths'))
    if (lengths.reduce((sum, length) => sum + length, 0) !== rows) throw new BadFile(`its lengths do not add up to its ${rows} states`)
    await refuseOffsets(file, lengths)
    const tokens = file.tensors.get('tokens') ?? null
    if (tokens !== null && (tokens.shape.length !== 1 || tokens.shape[0] !== rows || isFloat(tokens.dtype))) throw new BadFile(`its tokens are not ${rows} integers`)
    const rewards = new Map<string, Float32Array>()
    for (const [name, tensor] of [...file.tensors].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (!name.startsWith(rewardPrefix)) continue
      const parsed = rewardName.safeParse(name.slice(rewardPrefix.length))
      if (!parsed.success) throw new BadFile(`${shown(name)} cannot be the name of a reward`)
      if (rewards.has(parsed.data)) throw new BadFile(`it has two rewards named ${shown(parsed.data)}`)
      rewards.set(parsed.data, await rewardsIn(file, name, tensor, lengths.length))
    }
    return { file, states, lengths, tokens, rewards }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** They only repeat the lengths, for Python's sake; those that say something else mean that the responses lie otherwise. */
async function refuseOffsets(file: TensorFile, lengths: Float64Array): Promise<void> {
  const tensor = file.tensors.get('offsets')
  if (tensor === undefined) return
  const offsets = await countsIn(file, 'offsets', tensor)
  let row = 0
  for (const [i, length] of lengths.entries()) {
    if (offsets[i] !== row) throw new BadFile('its offsets are not where its lengths say that each response begins')
    row += length
  }
  // one more, the end, is what many write
  if (offsets.length > lengths.length + 1 || (offsets.length === lengths.length + 1 && offsets.at(-1) !== row)) throw new BadFile('it has more offsets than lengths')
}

function refuseOther(index: Index, shards: Shard[]): void {
  for (const [i, { file, states, lengths }] of shards.entries()) {
    const said = index.shards[i] as Index['shards'][number]
    if (said.responses !== lengths.length || said.states !== states.shape[0] || said.bytes !== file.bytes) throw new BadFile(`${said.file} is not the file that ${indexFile} describes`)
  }
}

async function checkSums(directory: string, index: Index, signal: AbortSignal): Promise<void> {
  for (const { file, bytes, crc32: expected } of [...index.shards, index.texts]) {
    let [found, length] = [0, 0]
    for await (const piece of createReadStream(join(directory, file), { signal, highWaterMark: 4 * 1024 * 1024 }) as AsyncIterable<Buffer>) {
      found = crc32(piece, found)
      length += piece.length
    }
    if (found !== expected || length !== bytes) throw new BadFile(`${file} is damaged, or was changed: its checksum is not that of ${indexFile}`)
  }
}

async function* read(shards: Shard[], texts: string, responses: number, signal: AbortSignal): AsyncGenerator<ForeignResponse[]> {
  const rows = rowsIn(texts, signal)
  let number = 0
  try {
    for (const { file, states, lengths, tokens, rewards } of shards) {
      const bytesOfState = 8 * (states.shape[1] as number)
      let row = 0
      for (let from = 0; from < lengths.length; ) {
        let to = from
        let count = 0
        // whole responses, at least one
        while (to < lengths.length && (to === from || (count + (lengths[to] as number)) * bytesOfState <= batchBytes)) count += lengths[to++] as number
        signal.throwIfAborted()
        const bytes = await file.read(states, row, count)
        const ids = tokens === null ? null : toIntegers(tokens.dtype, await file.read(tokens, row, count))
        const bytesOfRow = count === 0 ? 0 : bytes.length / count
        const batch: ForeignResponse[] = []
        let at = 0
        for (let i = from; i < to; i++) {
          number++
          const length = lengths[i] as number
          batch.push({
            states: halvesOf(states.dtype, bytes.subarray(at * bytesOfRow, (at + length) * bytesOfRow), number),
            tokens: tokensOf(ids?.subarray(at, at + length) ?? null, number),
            rewards: [...rewards.values()].map((values) => (Number.isNaN(values[i]) ? null : (values[i] as number))),
            row: responseRow(await nextRow(rows, number))
          })
          at += length
        }
        yield batch
        row += count
        from = to
      }
    }
    await refuseMore(rows, responses)
  } finally {
    await rows.return(undefined)
  }
}

/** -1 where they are not known, for a whole response. */
function tokensOf(ids: Float64Array | null, number: number): Int32Array {
  if (ids === null || ids.every((id) => id === -1)) return new Int32Array()
  if (!ids.every((id) => Number.isInteger(id) && id >= 0 && id < 2 ** 31)) throw new BadFile(`response ${number} has a token that is none`)
  return Int32Array.from(ids)
}

