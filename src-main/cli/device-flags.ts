/** Where a command's model runs: flags that override, for this run, what is kept for the machine. */
import { deviceChoice, type DeviceChoice, type LoadedModel, type LoadPlan, type Manifest } from '../contract/device.ts'
import { text, UsageError } from './arguments.ts'
import type { Input } from './command.ts'

export const deviceFlags = ['device', 'gpu-layers', 'threads', 'batch-tokens'] as const
export const deviceUsage = '--device auto|cpu|cuda|vulkan|metal --gpu-layers N --threads N --batch-tokens N'

const { device, gpuLayers, threads, batchTokens } = deviceChoice.shape

/** What is given; "auto" undoes what is kept. @throws UsageError */
export function deviceFrom(input: Input): Partial<DeviceChoice> {
  const choice: Partial<DeviceChoice> = {}
  const given = text(input, 'device')
  if (given !== undefined) {
    const parsed = device.safeParse(given)
    if (!parsed.success) throw new UsageError(`--device is ${device.unwrap().options.join(', ')}, not "${given}"`)
    choice.device = parsed.data
  }
  const whole = (flag: string, schema: typeof threads): number | null | undefined => {
    const word = text(input, flag)
    if (word === undefined || word === 'auto') return word === undefined ? undefined : null
    const parsed = schema.unwrap().unwrap().safeParse(/^-?\d+$/.test(word) ? Number(word) : NaN)
    if (parsed.success) return parsed.data
    const { minValue, maxValue } = schema.unwrap().unwrap()
    throw new UsageError(`--${flag} takes auto or a whole number from ${minValue} to ${maxValue}, not "${word}"`)
  }
  const layers = whole('gpu-layers', gpuLayers)
  const count = whole('threads', threads)
  const batch = whole('batch-tokens', batchTokens)
  if (layers !== undefined) choice.gpuLayers = layers
  if (count !== undefined) choice.threads = count
  if (batch !== undefined) choice.batchTokens = batch
  return choice
}

/** For --json: where a model is, would be, or was when a run began. */
export function deviceFacts(of: LoadedModel | LoadPlan | Manifest | null): object | null {
  if (of === null) return null
  const { backend, device, gpuLayers, layers, reason, threads, batchTokens } = of
  return { backend, description: typeof device === 'string' ? device : device.description, gpuLayers, layers, reason, threads, batchTokens }
}
