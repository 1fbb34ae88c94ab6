/** What is suspicious about an example: it can be used, but a person should look at it first. */
import type { ParsedRow } from './format.ts'

/** A shorter answer may well be a word of the prompt. */
const shortestLeak = 16
/** Characters: some 8,000 tokens, more than most small models take in. */
const longPrompt = 32_000
/** ChatML, Llama 2 and 3, Mistral, Gemma, Phi: in a chat template's text they are tokens, as everywhere in the field. */
const specialTokens = /<\|[a-z0-9_]{2,40}\|>|<\/?s>|\[\/?INST\]|<(start|end)_of_turn>/

export function warningsOf({ prompt, messages, chosen, rejected }: ParsedRow): string[] {
  const warnings: string[] = []
  for (const [name, text] of [['chosen', chosen], ['rejected', rejected]] as const) {
    const answer = text?.trim()
    if (answer === undefined) continue
    if (answer === '') warnings.push(`its ${name} answer is empty`)
    else if (prompt.trimEnd().endsWith(answer) || (answer.length >= shortestLeak && prompt.includes(answer))) warnings.push(`its prompt contains the ${name} answer`)
  }
  if (chosen !== null && chosen.trim() === rejected?.trim()) warnings.push('its chosen and rejected answers are the same')
  if (prompt.length > longPrompt) warnings.push(`its prompt is ${prompt.length} characters long, more than most models take`)
  if (messages.at(-1)?.role !== 'user') warnings.push("its prompt does not end with the user's turn")
  if (messages.some(({ content }) => specialTokens.test(content))) warnings.push('its prompt holds what a model may take for its own special tokens, which end and begin turns')
  return warnings
}
