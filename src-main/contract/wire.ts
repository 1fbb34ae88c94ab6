/** The envelopes on the port between window and engine. */
import { z } from 'zod'
import { failure } from './errors.ts'
import { methods, events, type EventName, type MethodName } from './methods.ts'

export const request = z.object({
  id: z.int().nonnegative(),
  method: z.enum(Object.keys(methods) as [MethodName, ...MethodName[]]),
  input: z.unknown()
})
export type Request = z.infer<typeof request>

export const reply = z.union([
  z.object({ id: z.int().nonnegative(), output: z.unknown() }),
  z.object({ id: z.int().nonnegative(), failure })
])
export type Reply = z.infer<typeof reply>

export const notification = z.object({
  event: z.enum(Object.keys(events) as [EventName, ...EventName[]]),
  payload: z.unknown()
})
export type Notification = z.infer<typeof notification>
