/** The local server. */
import { z } from 'zod'

/** The OpenAI-compatible endpoint for programs of this machine. Its token is asked for by `server.token` and is in no state or event. */
export const serverState = z.object({
  running: z.boolean(),
  /** that it listens on, or would */
  port: z.int(),
  /** answers that are being generated or wait for a place */
  active: z.int(),
  /** requests since it was started: answered, and failed or given up by their client */
  served: z.int(),
  failed: z.int(),
  /** whether the token will be the same the next time: the system's keychain has it */
  tokenKept: z.boolean()
})
export type ServerState = z.infer<typeof serverState>
