/** What several subjects of the contract share: ids, sampling, and settings as they come from a form or from flags. */
import { z } from 'zod'

export const id = z.int().positive()

/** Draws one response: llama.cpp's samplers in the order top-k, top-p, min-p, temperature. Temperature 0 is greedy. */
export const sampling = z.object({
  temperature: z.number().min(0).max(5).default(0.7),
  topK: z.int().min(0).max(1000).default(50),
  topP: z.number().gt(0).max(1).default(0.95),
  minP: z.number().min(0).max(1).default(0)
})
export type Sampling = z.infer<typeof sampling>

/** Each response by itself: its tokens and states do not depend on what runs beside it, on `parallel` or on a pause. */
export const deterministic = z.boolean().default(false)

const isSetting = (value: unknown): boolean => value === null || ['string', 'number', 'boolean'].includes(typeof value)

/** As they come from a form or from flags; the method's or the source's own schema checks them further. */
export const chosenSettings = z
  .record(z.string(), z.unknown())
  .refine((settings) => Object.values(settings).flat().every(isSetting), 'settings are texts, numbers, switches and lists of them')

export const settingsSchema = z.record(z.string(), z.unknown()) // JSON Schema of a method's or a source's settings

/** What of `project.asksFor` a person was shown and wants, word for word. */
export const allow = z.array(z.string()).max(64).default([])
