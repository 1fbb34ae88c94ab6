/** The conversation that an answer of the chat answers. */
import type { ChatTurn, Message } from '../../contract/entities.ts'
import { userTurn } from '../data/messages.ts'

/** As the pane's method got it, before the method changed it. */
export function messagesOf({ prompt }: ChatTurn, _pane: number): Message[] {
  return userTurn(prompt)
}
