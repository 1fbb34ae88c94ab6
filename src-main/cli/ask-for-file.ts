/** What a file of settings would run or send to: it may be anybody's, so that it needs a word of the person's own. */
import { StudioError } from '../contract/errors.ts'
import type { Door } from '../engine/asked-for.ts'
import type { Input } from './command.ts'
import type { Session } from './session.ts'

/** With --allow it is asked for from now on. @throws StudioError 'not-usable' for what nobody on this machine has asked for */
export function askForFile({ engine, terminal }: Session, doors: Door[], file: string, input: Input): void {
  const missing = engine.asked.missing(doors)
  if (missing.length === 0) return
  for (const words of missing) terminal.note(`${file} asks to ${words}`) // in full, whatever its length
  if (!input.flags.has('allow')) throw new StudioError('not-usable', `nobody on this machine has asked for ${missing.length === 1 ? 'this' : 'these'} yet, and nothing was started; if you want it, add --allow`)
  engine.asked.add(...doors)
}
