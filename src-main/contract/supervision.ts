/** What the app tells the page of the engine's process, and what the page may ask of the app when there is no engine. */
import { z } from 'zod'

export type EngineState =
  | { state: 'running' }
  /** It lives and does not answer: it is busy with something long, or will not go on at all. */
  | { state: 'hangs' }
  /** It has died and is started again after a pause; `reason` completes "The engine ...". */
  | { state: 'restarting'; reason: string }
  /** It has died too often in a row. */
  | { state: 'stopped'; reason: string; details: string }

export const appRequest = z.enum(['start-engine', 'end-engine', 'show-log'])
export type AppRequest = z.infer<typeof appRequest>
