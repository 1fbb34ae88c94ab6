/** Hidden states that others have collected, as the import takes them: response by response, checked as they are read. */
import type { Manifest } from '../../contract/device.ts'
import type { RawRow } from '../data/row.ts'
import { readFile } from '../data/read-file.ts'
import { BadFile } from '../tensors/bad-file.ts'
import { firstNotFinite, isFloat, toFloat16Bits, toFloat32, toIntegers, type DType } from '../tensors/dtype.ts'
import type { Tensor } from '../tensors/tensor.ts'
import type { TensorFile } from '../tensors/tensor-file.ts'
import { rowSchema, type ResponseRow } from './layout.ts'

export interface ForeignResponse {
  /** float16 bits, (T, D) row-major */
  states: Uint16Array
  /** empty where they are not known */
  tokens: Int32Array
  /** in the order of the source's rewards; null where there is none */
  rewards: (number | null)[]
  row: ResponseRow
}

export interface ForeignStates {
  /** what the data set is called */
  name: string
  /** D */
  inputDim: number
  responses: number
  /** SHA-256 of the model file that they are of, where it is known */
  model: string | null
  /** how they were collected, where this studio did it */
  settings: Record<string, unknown> | null
  manifest: Manifest | null
  /** `from`: the source that they say they are by */
  rewards: { name: string; from: string | null }[]
  /** Everything in its order. @throws BadFile for what does not hold together, StudioError 'cancelled' */
  read(signal: AbortSignal): AsyncGenerator<ForeignResponse[]>
  /** Compares checksums where there are any. @throws BadFile */
  check(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** Of states that are handed on together. */
export const batchBytes = 8 * 1024 * 1024
export const longestState = 65_536

/** @param number of the response, from 1 @throws BadFile for what float16 cannot hold */
export function halvesOf(dtype: DType, bytes: Buffer, number: number): Uint16Array {
  const halves = toFloat16Bits(dtype, bytes)
  if (firstNotFinite(halves) !== -1) throw new BadFile(`response ${number} has a state that is no number, or too large for float16`)
  return halves
}

/** Rewards of as many responses, (R) or (R, 1); NaN is none. @throws BadFile */
export async function rewardsIn(file: TensorFile, name: string, tensor: Tensor, responses: number): Promise<Float32Array> {
  const [rows, columns = 1] = tensor.shape
  if (rows !== responses || columns !== 1 || tensor.shape.length > 2 || !isFloat(tensor.dtype)) throw new BadFile(`${name} does not have a float for each of the ${responses} responses`)
  const values = toFloat32(tensor.dtype, await file.read(tensor))
  if (values.some((value) => value === Infinity || value === -Infinity)) throw new BadFile(`${name} holds an infinity`)
  return values
}

/** Of which lengths and rewards are in memory. */
const mostResponses = 10_000_000

/** Counts of as many responses. @throws BadFile */
export async function countsIn(file: TensorFile, name: string, tensor: Tensor): Promise<Float64Array> {
  if ((tensor.shape[0] ?? 0) > mostResponses) throw new BadFile(`${name} are those of ${tensor.shape[0]} responses; at most ${mostResponses} are read`)
  if (tensor.shape.length !== 1 || isFloat(tensor.dtype)) throw new BadFile(`${name} is not a list of integers`)
  const values = toIntegers(tensor.dtype, await file.read(tensor))
  if (!values.every((value) => Number.isSafeInteger(value) && value >= 0)) throw new BadFile(`${name} holds something that is no count`)
  return values
}

/** The rows of a JSON or JSON lines file one by one. @throws BadFile for the first that cannot be read */
export async function* rowsIn(path: string, signal: AbortSignal): AsyncGenerator<RawRow & { problem: null }> {
  for await (const rows of readFile(path, signal)) {
    for (const row of rows) {
      if (row.problem !== null) throw new BadFile(`line ${row.line} of its texts cannot be read: ${row.problem}`)
      yield row
    }
  }
}

/** @throws BadFile naming the line */
export function responseRow({ line, row }: { line: number; row: unknown }): ResponseRow {
  const parsed = rowSchema.safeParse(row)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new BadFile(`line ${line} of its texts is not that of a response: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`)
}

/** The next of the texts. @throws BadFile where there are too few */
export async function nextRow(rows: AsyncGenerator<RawRow & { problem: null }>, number: number): Promise<{ line: number; row: unknown }> {
  const next = await rows.next()
  if (next.done === true) throw new BadFile(`its texts end before response ${number}`)
  return next.value
}

/** @throws BadFile where there are more texts than responses */
export async function refuseMore(rows: AsyncGenerator<RawRow & { problem: null }>, responses: number): Promise<void> {
  const next = await rows.next()
  if (next.done !== true) throw new BadFile(`there are more texts than its ${responses} responses`)
}
