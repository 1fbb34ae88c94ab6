/** What a command of the terminal is. */
import type { Session } from './session.ts'

export interface Input {
  positionals: string[]
  /** flag (without dashes) -> its texts in the order given; a switch is ['true'] */
  flags: Map<string, string[]>
}

export interface Command {
  /** its words, e.g. "data import" */
  name: string
  usage: string
  positionals: readonly string[]
  flags: readonly string[]
  /** flags without a value */
  switches?: readonly string[]
  /** @returns the exit code */
  run(session: Session, input: Input): Promise<number>
}
