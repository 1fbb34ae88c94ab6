/** Models on this machine and on their way to it. */
import { z } from 'zod'
import { furtherBackendId } from './device.ts'
import { failure } from './errors.ts'

export const modelFacts = z.object({
  /** the first, where it has several */
  file: z.string(),
  /** of all its files */
  bytes: z.number(),
  /** how many files it is in */
  parts: z.int(),
  name: z.string().nullable(),
  architecture: z.string(),
  parameters: z.number(),
  embeddingLength: z.number(),
  blockCount: z.number(),
  contextLength: z.number(),
  vocabularySize: z.number().nullable(),
  quantization: z.string(),
  licence: z.string().nullable(),
  hasChatTemplate: z.boolean(),
  /** Bytes by part, as the file has them, and what a loaded model needs beside them. */
  sizes: z.object({
    /** weights of each layer, the first one first */
    layers: z.array(z.number()),
    /** weights of the output head */
    output: z.number(),
    /** weights that a graphics processor needs a copy of for the output head, where it is the token embeddings once more */
    shared: z.number(),
    /** of one layer's KV cache, for each token of the context */
    cachePerToken: z.number(),
    /** intermediate results, for each token of a step */
    computePerToken: z.number()
  }),
  /** Bytes that loading without a graphics processor needs: weights, KV cache and compute buffers for the studio's context. */
  memoryNeeded: z.number(),
  memoryAvailable: z.number(),
  fits: z.boolean()
})
export type ModelFacts = z.infer<typeof modelFacts>

export const catalogueModel = z.object({
  id: z.string(),
  title: z.string(),
  licence: z.string(),
  bytes: z.number(),
  sha256: z.string(),
  file: z.string(),
  /** Whether `file` is there, whole and checked. */
  present: z.boolean()
})
export type CatalogueModel = z.infer<typeof catalogueModel>

/**
 * Where a download comes from: the studio's own list, a file of the Hugging Face hub, an address, or llama.cpp's package of a
 * backend. Of a model in several files it is the first.
 */
export const modelSource = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('catalogue'), id: z.string().min(1).max(200) }),
  z.object({
    kind: z.literal('hub'),
    /** owner/name */
    name: z.string().min(3).max(200),
    /** branch, tag or commit; null is the main branch */
    revision: z.string().min(1).max(200).nullable().default(null),
    path: z.string().min(1).max(1000)
  }),
  /** https, of any host; nobody says its checksum */
  z.object({ kind: z.literal('address'), url: z.string().min(1).max(2000) }),
  /** no model, but what models run on: it comes the same way */
  z.object({ kind: z.literal('backend'), id: furtherBackendId })
])
export type ModelSource = z.infer<typeof modelSource>

export const downloadState = z.enum(['waiting', 'running', 'paused', 'failed', 'done'])
export type DownloadState = z.infer<typeof downloadState>

/** An entry of the queue, which belongs to the machine and not to a project. */
export const modelDownload = z.object({
  id: z.int().positive(),
  source: modelSource,
  title: z.string(),
  state: downloadState,
  /** what is happening now, e.g. "Checking model.gguf" */
  phase: z.string(),
  /** bytes; total is null until it is known */
  done: z.number(),
  total: z.number().nullable(),
  /** bytes a second over the last seconds, and seconds left; null until known */
  rate: z.number().nullable(),
  secondsLeft: z.number().nullable(),
  failure: failure.nullable(),
  /** where it is, once it is done */
  file: z.string().nullable(),
  /** the project that is to use it at its end */
  project: z.string().nullable()
})
export type ModelDownload = z.infer<typeof modelDownload>

/** The GGUF files of a model of the hub at one commit. */
export const hubModel = z.object({
  name: z.string(),
  revision: z.string(),
  licence: z.string().nullable(),
  /** several files that are one model are one entry */
  files: z.array(z.object({
    /** of the first */
    path: z.string(),
    /** of all */
    bytes: z.number(),
    /** null where there are several, or the hub says none */
    sha256: z.string().nullable(),
    /** as its name says, e.g. Q4_K_M */
    quantization: z.string().nullable(),
    parts: z.int(),
    /** names of parts that the hub lacks: without them it cannot be loaded */
    missing: z.array(z.string()),
    present: z.boolean()
  }))
})
export type HubModel = z.infer<typeof hubModel>

/** What a pasted address leads to. */
export const pastedModel = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('hub'),
    model: hubModel,
    /** path of the file that the address names, by itself or by its quantisation */
    wanted: z.string().nullable()
  }),
  z.object({
    kind: z.literal('address'),
    url: z.string(),
    host: z.string(),
    name: z.string(),
    /** of all its files */
    bytes: z.number(),
    parts: z.int(),
    present: z.boolean()
  })
])
export type PastedModel = z.infer<typeof pastedModel>

/** Whether a model can be loaded now, and how. */
export const modelFit = z.object({
  verdict: z.enum(['fits', 'smaller-context', 'none']),
  /** tokens that it would be loaded with */
  contextTokens: z.int(),
  /** what would run it: "CUDA", "the processor" */
  device: z.string(),
  /** bytes of the machine's memory */
  memoryNeeded: z.number(),
  memoryAvailable: z.number(),
  /** why not, where it is not for the memory */
  reason: z.string().nullable()
})
export type ModelFit = z.infer<typeof modelFit>

export const libraryModel = z.object({
  /** the first, where it has several */
  file: z.string(),
  /** of all its files */
  bytes: z.number(),
  /** how many files it should have, by their names */
  parts: z.int(),
  /** the folder of the list that it was found in; null: it was chosen by itself */
  folder: z.string().nullable(),
  /** in the studio's own folder, which may delete it */
  downloaded: z.boolean(),
  /** null until its header was read, or where that failed */
  facts: z.object({
    name: z.string().nullable(),
    architecture: z.string(),
    parameters: z.number(),
    quantization: z.string(),
    contextLength: z.number(),
    licence: z.string().nullable()
  }).nullable(),
  /** why it cannot be a model */
  problem: z.string().nullable(),
  fit: modelFit.nullable()
})
export type LibraryModel = z.infer<typeof libraryModel>

export const modelLibrary = z.object({
  folders: z.array(z.object({
    directory: z.string(),
    /** the studio's own */
    own: z.boolean(),
    /** why it could not be looked through */
    problem: z.string().nullable(),
    /** it holds more than is looked through */
    truncated: z.boolean()
  })),
  models: z.array(libraryModel),
  /** headers are still being read */
  reading: z.boolean()
})
export type ModelLibrary = z.infer<typeof modelLibrary>
