/**
 * TRL's preference format with an implicit prompt: chosen and rejected begin alike. Of messages the prompt is all but the
 * last turn, which is the assistant's; of texts it is what both begin with, up to the last border between words.
 */
import type { Message } from '../../../contract/data.ts'
import { textOf, type Format, type ParsedRow } from '../format.ts'
import { isTurns, textOfTurns, turnsOf, userTurn } from '../messages.ts'

const used = ['chosen', 'rejected']

export const implicitPreference: Format = {
  name: 'implicit-preference',
  parts: ['chosen', 'rejected', 'split'],
  recognises: (row) => row['prompt'] === undefined && (used.every((column) => isTurns(row[column])) || used.every((column) => typeof row[column] === 'string')),
  parse: (row) => (isTurns(row['chosen']) ? fromTurns(turnsOf(row['chosen'], 'chosen'), turnsOf(row['rejected'], 'rejected')) : fromTexts(textOf(row, 'chosen'), textOf(row, 'rejected')))
}

function fromTurns(chosen: Message[], rejected: Message[]): ParsedRow {
  const messages = chosen.slice(0, -1)
  const same = messages.length === rejected.length - 1 && messages.every((turn, i) => turn.role === rejected[i]?.role && turn.content === rejected[i].content)
  if (!same) throw new Error('its "chosen" and "rejected" differ before their last turn')
  if (messages.length === 0) throw new Error('its "chosen" has no turn before the answer')
  const [good, bad] = [chosen.at(-1), rejected.at(-1)]
  if (good?.role !== 'assistant' || bad?.role !== 'assistant') throw new Error('its last turn is not the assistant\'s')
  return { prompt: textOfTurns(messages), messages, chosen: good.content, rejected: bad.content, used }
}

function fromTexts(chosen: string, rejected: string): ParsedRow {
  let end = 0
  while (end < chosen.length && chosen[end] === rejected[end]) end++
  if (end === chosen.length && end === rejected.length) throw new Error('its "chosen" and "rejected" are the same, so no prompt can be told from them')
  const border = lastBorder(chosen.slice(0, end), end === chosen.length || end === rejected.length)
  const prompt = chosen.slice(0, border).trimEnd()
  if (prompt.trim() === '') throw new Error('its "chosen" and "rejected" do not begin with the same words, so there is no prompt')
  return { prompt, messages: userTurn(prompt), chosen: chosen.slice(border).trimStart(), rejected: rejected.slice(border).trimStart(), used }
}

/** @param keepsWord one text is the other's beginning: a word is left for its answer @returns index behind the last white space */
function lastBorder(common: string, keepsWord: boolean): number {
  const text = keepsWord ? common.trimEnd() : common
  return text.search(/\S*$/)
}
