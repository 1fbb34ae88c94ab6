/** What a steering method is: one file a method, listed in methods.ts. */
import type { z } from 'zod'
import type { Message } from '../../contract/data.ts'

/** An edit of the state of every generated token, in the standardised units of the value functions. */
export interface ControlPlan {
  /** Their weighted sum is what the state ascends; usually one of weight 1. */
  terms: { valueFunction: number; weight: number }[]
  /** Whether they must be linear, so that the gradient is the same everywhere. */
  linear: boolean
  alpha: number
  updates: number
  /** The value to steer to instead of upwards, in standard deviations of the reward above its mean. */
  target: number | null
  /** The ascent stops within this of the target. */
  tolerance: number
  /** Trust region: |Delta h| is at most this fraction of |h|. */
  maxEdit: number | null
}

/** What llama.cpp applies to the model's layers while the response is generated; paths of GGUF files are absolute. */
export type AdapterPlan =
  | { kind: 'lora'; file: string; scale: number }
  /** of the directions of these layers, both ends included; null: to the last */
  | { kind: 'control-vector'; file: string; strength: number; firstLayer: number; lastLayer: number | null }

/** Control and adapter are left out unless the value of the prompt's last state lies on this side of the threshold. */
export interface GatePlan {
  valueFunction: number
  side: 'below' | 'above'
  /** in standard deviations of the reward above its mean */
  threshold: number
}

export interface CandidatePlan {
  count: number
  reward: string
}

/** Each token is picked among the most probable ones by what it leads to, by log p + weight * (a value or a reward). */
export type SearchPlan = { topK: number; weight: number } & (
  /** V of the method's control, at the state that the token leads to */
  | { by: 'value' }
  /** the project's reward of this name, of the text with the token and its greedy continuation */
  | { by: 'reward'; reward: string; lookahead: number; keep: number; draws: boolean }
)

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
  control?(settings: z.output<S>): ControlPlan | null
  /** Changes the layers of the model while the response is generated. */
  adapter?(settings: z.output<S>): AdapterPlan | null
  /** Edits only the responses to some prompts. */
  gate?(settings: z.output<S>): GatePlan
  /** Generates with the model in this file instead of the project's. */
  model?(settings: z.output<S>): string
  /** Draws so many candidates, and keeps the best by the project's reward of this name. */
  candidates?(settings: z.output<S>): CandidatePlan
  /** Picks tokens by where they lead; by value, its control is read and edits nothing. */
  search?(settings: z.output<S>): SearchPlan
}
