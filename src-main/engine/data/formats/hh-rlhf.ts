/**
 * HH-RLHF (Bai et al. 2022): chosen and rejected are whole transcripts, "\n\nHuman: ...\n\nAssistant: ...".
 * The prompt ends at the last "Assistant:", so the reference answer is never part of it.
 */
import { textOf, type Format } from '../format.ts'
import { answerMark, turnsOfTranscript } from '../transcript.ts'

export const hhRlhf: Format = {
  name: 'hh-rlhf',
  parts: ['chosen', 'rejected', 'split'],
  recognises: (row) => [row['chosen'], row['rejected']].every((text) => typeof text === 'string' && text.includes(answerMark)),
  parse(row) {
    const chosen = splitAnswer(textOf(row, 'chosen'), 'chosen')
    const rejected = splitAnswer(textOf(row, 'rejected'), 'rejected')
    const messages = turnsOfTranscript(chosen.prompt)
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
