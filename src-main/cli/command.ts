/** What a command of the terminal is. */
import type { Input } from './arguments.ts'
import type { Session } from './session.ts'

export interface Command {
  /** its words, e.g. "data import" */
  name: string
  usage: string
  positionals: readonly string[]
  flags: readonly string[]
  /** @returns the exit code */
  run(session: Session, input: Input): Promise<number>
}
