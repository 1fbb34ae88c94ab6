/** What a steering method is: one file a method, listed in methods.ts. */
import type { z } from 'zod'
import type { Message } from '../../contract/entities.ts'

/** An edit of the state of every generated token, in the standardised units of the value function. */
export interface ControlPlan {
  valueFunction: number
  alpha: number
  updates: number
}

export interface SteeringMethod<S extends z.ZodObject = z.ZodObject> {
  name: string
  title: string
  description: string
  /** paper or page */
  source: string
  settings: S
  /** Changes the conversation before the model gets it. */
  messages?(messages: Message[], settings: z.output<S>): Message[]
  /** Edits states while the response is generated. */
  control?(settings: z.output<S>): ControlPlan
}
