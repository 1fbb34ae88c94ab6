/**
 * HH-RLHF (Bai et al. 2022): chosen and rejected are whole transcripts, "\n\nHuman: ...\n\nAssistant: ...".
 * The prompt ends at the last "Assistant:", so the reference answer is never part of it.
 */
import type { Message } from '../../../contract/entities.ts'
import { textOf, type Format } from '../format.ts'

const answerMark = '\n\nAssistant:'
const turnMark = /(?:^|\n\n)(Human|Assistant): ?/g

export const hhRlhf: Format = {
  name: 'hh-rlhf',
  recognises: (row) => [row['chosen'], row['rejected']].every((text) => typeof text === 'string' && text.includes(answerMark)),
  parse(row) {
    const chosen = splitAnswer(textOf(row, 'chosen'), 'chosen')
    const rejected = splitAnswer(textOf(row, 'rejected'), 'rejected')
    const messages = turnsOf(chosen.prompt)
    if (messages.length === 0) throw new Error('there is no turn before its last "Assistant:"')
    return { prompt: chosen.prompt, messages, chosen: chosen.answer, rejected: rejected.answer, used: ['chosen', 'rejected'] }
  }
}

function splitAnswer(transcript: string, column: string): { prompt: string; answer: string } {
  const at = transcript.lastIndexOf(answerMark)
  if (at === -1) throw new Error(`its "${column}" has no "Assistant:" turn`)
  const end = at + answerMark.length
  return { prompt: transcript.slice(0, end), answer: transcript.slice(end).trim() }
}

/** The transcript's turns without the open "Assistant:" at its end; turns of the same speaker in a row are one. */
function turnsOf(prompt: string): Message[] {
  const transcript = prompt.slice(0, -answerMark.length)
  const marks = [...transcript.matchAll(turnMark)]
  const messages: Message[] = []
  marks.forEach((mark, i) => {
    const content = transcript.slice(mark.index + mark[0].length, marks[i + 1]?.index).trim()
    const role = mark[1] === 'Human' ? 'user' : 'assistant'
    const last = messages.at(-1)
    if (last?.role === role) last.content += `\n\n${content}`
    else messages.push({ role, content })
  })
  return messages
}
