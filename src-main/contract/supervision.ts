/** What the app tells the page of the engine's process, and what the page may ask of the app when there is no engine. */
import { z } from 'zod'

export type EngineState =
  | { state: 'running' }
  /** It has died and is started again after a pause; `reason` completes "The engine ...". */
  | { state: 'restarting'; reason: string }
  /** It has died too often in a row. */
  | { state: 'stopped'; reason: string; details: string }

export const appRequest = z.enum(['start-engine', 'show-log'])
export type AppRequest = z.infer<typeof appRequest>
