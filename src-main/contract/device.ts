/** Where a model runs on this machine, how that was chosen, and what a run keeps of it. */
import { z } from 'zod'

/** llama.cpp's backends, in the order in which they are tried. */
export const backend = z.enum(['metal', 'cuda', 'vulkan', 'cpu'])
export type Backend = z.infer<typeof backend>

/** A graphics processor, or the machine's own; memory in bytes. */
export const device = z.object({ name: z.string(), description: z.string(), memoryFree: z.number(), memoryTotal: z.number() })
export type Device = z.infer<typeof device>

/** A backend that was asked for its devices, or why it was not. */
export const deviceCandidate = z.object({
  backend,
  /** null: not tried */
  usable: z.boolean().nullable(),
  /** in words, of a usable one too */
  reason: z.string(),
  devices: z.array(device)
})
export type DeviceCandidate = z.infer<typeof deviceCandidate>

/** Backends that a package does not bring along. The package of CUDA is for CUDA 13; `cuda-ext` adds CUDA 12 to it. */
export const furtherBackendId = z.enum(['cuda', 'cuda-ext', 'vulkan'])
export type FurtherBackendId = z.infer<typeof furtherBackendId>

/** One that there is for this machine's platform, and whether it is here. */
export const furtherBackend = z.object({
  id: furtherBackendId,
  title: z.string(),
  backend,
  /** the one that it only adds to */
  needs: furtherBackendId.nullable(),
  /** name@version in the npm registry */
  package: z.string(),
  /** to download */
  bytes: z.number(),
  /** part of this installation, fetched, fetched for another version of the studio, or not here */
  state: z.enum(['installed', 'fetched', 'outdated', 'absent']),
  directory: z.string().nullable(),
  /** what this machine lacks for it, as far as that can be seen: "the NVIDIA driver (libcuda.so.1)" */
  missing: z.array(z.string())
})
export type FurtherBackend = z.infer<typeof furtherBackend>

/** How models are to run on this machine; null is chosen by the studio. Kept for the machine, not in a project. */
export const deviceChoice = z.object({
  device: z.enum(['auto', ...backend.options]).default('auto'),
  /** so many layers from the last one on, the output head counted as one; null: as many as fit */
  gpuLayers: z.int().min(0).max(10000).nullable().default(null),
  threads: z.int().min(1).max(512).nullable().default(null),
  /** tokens of one step; each of the 72 sequences that can run at once has room for its next token */
  batchTokens: z.int().min(72).max(4096).nullable().default(null)
})
export type DeviceChoice = z.infer<typeof deviceChoice>

/** Where a model's layers are, or would be, and why. */
export const placement = z.object({
  backend,
  device,
  /** from the last layer on, the output head counted as one */
  gpuLayers: z.int(),
  layers: z.int(),
  reason: z.string(),
  /** every backend's verdict, those that were not needed included */
  candidates: z.array(deviceCandidate)
})
export type Placement = z.infer<typeof placement>

export const threadMeasurement = z.array(z.object({ threads: z.int(), tokensPerSecond: z.number() }))
export const batchMeasurement = z.array(z.object({ batchTokens: z.int(), tokensPerSecond: z.number() }))

/** How a model would be loaded now. */
export const loadPlan = placement.extend({
  /** null: will be measured */
  threads: z.int().nullable(),
  batchTokens: z.int().nullable(),
  /** bytes of the machine's memory, and of its graphics processors together */
  memoryNeeded: z.number(),
  memoryAvailable: z.number(),
  deviceMemoryNeeded: z.number(),
  deviceMemoryFree: z.number(),
  /** KV cells; fewer than usual where those do not fit */
  contextTokens: z.int(),
  smallerContext: z.boolean(),
  fits: z.boolean()
})
export type LoadPlan = z.infer<typeof loadPlan>

/** What is known of the model once it is loaded in the model host. */
export const loadedModel = placement.extend({
  file: z.string(),
  sha256: z.string(),
  build: z.string(),
  threads: z.int(),
  /** Why this thread count: the tokens per second that were measured for each candidate; empty when it was set. */
  threadMeasurement,
  batchTokens: z.int(),
  /** Why this batch size: a prompt's tokens per second in steps of each size; empty when it was set. */
  batchMeasurement,
  contextTokens: z.int(),
  sequences: z.int()
})
export type LoadedModel = z.infer<typeof loadedModel>

/** What a run must name so that someone else can run it again; those of older projects lack some of it. */
export const manifest = z.object({
  /** the studio's version */
  studio: z.string(),
  /** SHA-256 */
  model: z.string(),
  modelFile: z.string(),
  backend: z.string(),
  device: z.string(),
  gpuLayers: z.int().optional(),
  layers: z.int().optional(),
  /** why there */
  reason: z.string().optional(),
  /** the llama.cpp release */
  llamaCpp: z.string(),
  threads: z.int(),
  batchTokens: z.int().optional(),
  seed: z.int().optional(),
  /** of a value function: the device that it was trained on, as ggml calls it (CUDA0, Vulkan0, CPU) */
  trainedOn: z.string().optional(),
  settings: z.record(z.string(), z.unknown()).optional()
})
export type Manifest = z.infer<typeof manifest>
