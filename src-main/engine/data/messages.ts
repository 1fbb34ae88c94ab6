/** Conversations as data sets have them: a list of turns, or one text. */
import type { Message } from '../../contract/data.ts'

const roles = new Map<unknown, Message['role']>([
  ['system', 'system'], ['developer', 'system'],
  ['user', 'user'], ['human', 'user'], ['prompter', 'user'],
  ['assistant', 'assistant'], ['gpt', 'assistant'], ['chatgpt', 'assistant'], ['bot', 'assistant'], ['model', 'assistant']
])

/** What a row's part may be: text, or turns in the form of OpenAI (role, content) or ShareGPT (from, value). */
export function isTurns(value: unknown): boolean {
  const list = asList(value)
  return list !== null && list.length > 0 && list.every((turn) => typeof turn === 'object' && turn !== null && ('role' in turn ? 'content' in turn : 'from' in turn && 'value' in turn))
}

/** @throws Error whose message completes "line 7: ..." */
export function turnsOf(value: unknown, column: string): Message[] {
  const list = asList(value)
  if (list === null || !isTurns(value)) throw new Error(`its "${column}" is not a list of messages`)
  return list.map((turn, i) => {
    const { role, content, from, value: text } = turn as Record<string, unknown>
    const known = roles.get(role ?? from)
    if (known === undefined) throw new Error(`message ${i + 1} of its "${column}" is by "${String(role ?? from).slice(0, 60)}", which is neither system, user nor assistant`)
    return { role: known, content: contentOf(content ?? text, i, column) }
  })
}

/** CSV has a list as its JSON. */
function asList(value: unknown): unknown[] | null {
  if (Array.isArray(value)) return value
  if (typeof value !== 'string' || !/^\s*\[\s*\{/.test(value)) return null
  try {
    const parsed: unknown = JSON.parse(value)
    return Array.isArray(parsed) ? parsed : null
  } catch {
    return null
  }
}

/** Text, or the parts of one; images and calls of tools are nothing that the studio can show a model. */
function contentOf(content: unknown, index: number, column: string): string {
  const parts = Array.isArray(content) ? content : [content]
  const texts = parts.map((part: unknown) => (typeof part === 'object' && part !== null && 'type' in part && part.type === 'text' && 'text' in part ? part.text : part))
  if (!texts.every((text) => typeof text === 'string')) throw new Error(`message ${index + 1} of its "${column}" has no text`)
  const text = texts.join('')
  if (!text.isWellFormed()) throw new Error(`message ${index + 1} of its "${column}" holds half a character (a lone surrogate)`)
  return text
}

export function userTurn(content: string): Message[] {
  return [{ role: 'user', content }]
}

/** One user's turn as its own text, more of them as a transcript in the form of HH-RLHF, which ends where the answer begins. */
export function textOfTurns(messages: Message[]): string {
  const [first] = messages
  if (messages.length === 1 && first?.role === 'user') return first.content
  const speaker = { system: 'System', user: 'Human', assistant: 'Assistant' }
  return `${messages.map(({ role, content }) => `\n\n${speaker[role]}: ${content}`).join('')}\n\nAssistant:`
}
