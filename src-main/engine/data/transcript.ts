/** Transcripts in the form of HH-RLHF (Bai et al. 2022): "\n\nHuman: ...\n\nAssistant: ...". */
import type { Message } from '../../contract/data.ts'
import { userTurn } from './messages.ts'

export const answerMark = '\n\nAssistant:'
const turnMark = /(?:^|\n\n)(Human|Assistant): ?/g

/** The turns of a prompt without the open "Assistant:" at its end; turns of the same speaker in a row are one. */
export function turnsOfTranscript(prompt: string): Message[] {
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

/** A prompt that is such a transcript as its turns, any other as one turn. */
export function turnsOfText(prompt: string): Message[] {
  const turns = /^\s*Human:/.test(prompt) && prompt.trimEnd().endsWith(answerMark) ? turnsOfTranscript(prompt.trimEnd()) : []
  return turns.length > 0 ? turns : userTurn(prompt)
}
