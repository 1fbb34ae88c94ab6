/** How many of a model's layers fit on the graphics processors, from the header's sizes: llama.cpp itself aborts or swaps. */
import type { Device, DeviceChoice } from '../../contract/device.ts'
import type { ModelFacts } from '../../contract/models.ts'
import { StudioError } from '../../contract/errors.ts'

/** Kept free of each device: the driver's own, other programs, and what an estimate misses. */
const margin = 512 * 2 ** 20

export interface Room {
  contextTokens: number
  batchTokens: number
}

export interface Offload {
  /** from the last layer on, the output head counted as the last one */
  gpuLayers: number
  /** all of them, the output head included */
  layers: number
  /** bytes of the machine's memory, and of the GPUs together */
  memoryNeeded: number
  deviceMemoryNeeded: number
  deviceMemoryFree: number
}

/**
 * As many layers as fit, or as many as were chosen.
 * @throws StudioError 'not-enough-memory' when more were chosen than the devices have memory for
 */
export function planOffload(facts: ModelFacts, room: Room, gpus: Device[], chosen: DeviceChoice['gpuLayers']): Offload {
  const layers = facts.blockCount + 1
  const deviceMemoryFree = gpus.reduce((sum, gpu) => sum + gpu.memoryFree, 0)
  const offload = (gpuLayers: number): Offload => ({ gpuLayers, layers, deviceMemoryFree, ...memoryOf(facts, room, gpuLayers, gpus.length) })
  if (gpus.length === 0) return offload(0)
  if (chosen !== null) {
    const wanted = offload(Math.min(chosen, layers))
    if (isKnown(gpus) && wanted.deviceMemoryNeeded > deviceMemoryFree) {
      throw new StudioError('not-enough-memory', `${wanted.gpuLayers} of ${layers} layers need about ${memoryText(wanted.deviceMemoryNeeded)} on the device and ${memoryText(deviceMemoryFree)} are free; choose fewer`)
    }
    return wanted
  }
  for (let gpuLayers = layers; gpuLayers > 0; gpuLayers--) {
    const candidate = offload(gpuLayers)
    if (!isKnown(gpus) || candidate.deviceMemoryNeeded + margin * gpus.length <= deviceMemoryFree) return candidate
  }
  return offload(0)
}

/** Bytes that the model needs with the output head and its last `gpuLayers - 1` layers on `devices` GPUs. */
function memoryOf({ bytes, blockCount, sizes }: ModelFacts, { contextTokens, batchTokens }: Room, gpuLayers: number, devices: number): Pick<Offload, 'memoryNeeded' | 'deviceMemoryNeeded'> {
  const cache = sizes.cachePerToken * contextTokens
  const compute = sizes.computePerToken * batchTokens
  const moved = gpuLayers === 0 ? [] : sizes.layers.slice(Math.max(0, blockCount + 1 - gpuLayers))
  const movedBytes = moved.reduce((sum, layer) => sum + layer + cache, 0) + (gpuLayers > 0 ? sizes.output : 0)
  return {
    memoryNeeded: bytes + blockCount * cache + compute - movedBytes,
    deviceMemoryNeeded: gpuLayers === 0 ? 0 : movedBytes + sizes.shared + compute * devices
  }
}

/** Not every driver tells. */
function isKnown(gpus: Device[]): boolean {
  return gpus.every((gpu) => gpu.memoryTotal > 0)
}

/** "1.9 GB", "12 MB" */
export function memoryText(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`
}
