/** The conversation that an answer of the chat answers. */
import type { ChatTurn } from '../../contract/chat.ts'
import type { Message } from '../../contract/data.ts'
import { userTurn } from '../data/messages.ts'
import type { Project } from '../project/project.ts'
import { historyOf } from './history.ts'

/** As the pane's method got it, before the method changed it. */
export function messagesOf(project: Project, { parent, prompt }: Pick<ChatTurn, 'parent' | 'prompt'>, pane: number): Message[] {
  return [...(parent === null ? [] : historyOf(project.turns.exchanges(parent), pane)), ...userTurn(prompt)]
}
