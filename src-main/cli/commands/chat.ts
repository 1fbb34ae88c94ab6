/** Conversations of the chat: list and search, show, export. */
import { extname, resolve } from 'node:path'
import { conversationFormat, type ConversationFormat } from '../../contract/chat.ts'
import { exportConversation, markdown } from '../../engine/control/export-conversation.ts'
import { number, required, text, UsageError } from '../arguments.ts'
import type { Command, Input } from '../command.ts'
import { oneOf } from '../example-flags.ts'
import { columns } from '../terminal.ts'

const mostTurns = 100_000

export const chatList: Command = {
  name: 'chat list',
  usage: 'chat list PROJECT [--search WORDS --limit N]',
  positionals: ['PROJECT'],
  flags: ['search', 'limit'],
  async run(session, input) {
    const project = await session.open(input.positionals[0] ?? '')
    const { total, conversations } = project.conversations.page(text(input, 'search') ?? '', 0, whole(input, 'limit') ?? 100)
    const rows = conversations.map(({ id, updated, turns, title, found }) => [String(id), updated.slice(0, 16).replace('T', ' '), String(turns), found === null ? title : `${title}: ${found.excerpt}`])
    session.terminal.result({ total, conversations }, columns([['conversation', 'updated', 'turns', 'title'], ...rows]))
    return 0
  }
}

export const chatShow: Command = {
  name: 'chat show',
  usage: 'chat show PROJECT --conversation C [--turn T]; T is a turn on the way through it, and otherwise the newest',
  positionals: ['PROJECT'],
  flags: ['conversation', 'turn'],
  async run(session, input) {
    const project = await session.open(input.positionals[0] ?? '')
    const conversation = project.conversations.get(conversationFrom(input))
    const { turns } = project.turns.path(conversation.id, { through: whole(input, 'turn') ?? null, limit: mostTurns })
    session.terminal.result({ ...conversation, turns }, [...markdown(conversation.title, turns)].join('').trimEnd().split('\n'))
    return 0
  }
}

const endings: Record<string, ConversationFormat> = { '.md': 'markdown', '.json': 'json', '.jsonl': 'messages' }

export const chatExport: Command = {
  name: 'chat export',
  usage: `chat export PROJECT FILE --conversation C [--turn T --format ${conversationFormat.options.join('|')}]`,
  positionals: ['PROJECT', 'FILE'],
  flags: ['conversation', 'turn', 'format'],
  async run(session, input) {
    const [directory = '', name = ''] = input.positionals
    const format = oneOf(input, 'format', conversationFormat.options) ?? endings[extname(name).toLowerCase()]
    if (format === undefined) throw new UsageError(`--format is missing, and the name does not end in ${Object.keys(endings).join(', ')}`)
    const project = await session.open(directory)
    const conversation = conversationFrom(input)
    const file = resolve(name)
    await exportConversation(project, { conversation, turn: whole(input, 'turn') ?? null, format, file })
    session.terminal.result({ conversation, format, file }, [`Conversation ${conversation} written to ${file}`])
    return 0
  }
}

function conversationFrom(input: Input): number {
  required(input, 'conversation')
  return whole(input, 'conversation') as number
}

/** @throws UsageError */
function whole(input: Input, flag: string): number | undefined {
  const value = number(input, flag)
  if (value !== undefined && !(Number.isInteger(value) && value > 0 && value <= Number.MAX_SAFE_INTEGER)) throw new UsageError(`--${flag} takes a whole number from 1 on, not "${value}"`)
  return value
}
