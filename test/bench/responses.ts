/** Responses of the model, made by llama.cpp's plain batched decoding: prompts in full batches, then a token of each a step. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Sampler, type Batch, type Context, type Decoded } from '../../native/llama.ts'
import { sampling } from '../../src-main/contract/shared.ts'
import { batchOf, row as rowOf, type Part } from '../fixtures/batches.ts'
import { batchTokens, type Subject } from './subject.ts'

export interface Response {
  /** as the model gets it, chat template and all */
  prompt: Int32Array
  tokens: Int32Array
  /** (tokens, D): the state that each token was drawn from */
  states: Float32Array
}

/** The sample's first prompts. */
export function samplePrompts(count: number): string[] {
  const file = resolve(import.meta.dirname, '..', '..', join('resources', 'sample', 'prompts.jsonl'))
  const lines = readFileSync(file, 'utf8').split('\n', count)
  return lines.map((line) => (JSON.parse(line) as { prompt: string }).prompt)
}

export function renderPrompts(subject: Subject, prompts: string[]): Int32Array[] {
  return prompts.map((content) => subject.renderer.render({ messages: [{ role: 'user', content }] }).tokens)
}

/**
 * Decodes every prompt and goes on with the tokens that `next` gives for output row `row` of a batch, until it gives
 * null. Sequence n is prompt n; the context is empty before and after.
 * @param taken what else a batch with these output rows is asked for
 */
export async function decodeResponses(
  context: Context, prompts: readonly Int32Array[], next: (sequence: number, row: number, decoded: Decoded) => number | null,
  taken: (sequences: number[]) => Pick<Batch, 'states' | 'samplers'> = () => ({})
): Promise<void> {
  const drawn = new Map<number, { token: number; position: number }>()
  const run = async (parts: Part[]): Promise<void> => {
    const decoded = await context.decode({ ...batchOf(parts), ...taken(parts.map(({ sequence }) => sequence)) })
    parts.forEach(({ sequence, tokens, from = 0 }, row) => {
      const token = next(sequence, row, decoded)
      if (token === null) drawn.delete(sequence)
      else drawn.set(sequence, { token, position: from + tokens.length })
    })
  }
  for (const parts of packed(prompts)) await run(parts)
  while (drawn.size > 0) await run([...drawn].map(([sequence, { token, position }]) => ({ sequence, tokens: [token], from: position })))
  for (let sequence = 0; sequence < prompts.length; sequence++) context.removeSequence(sequence)
}

/** Whole texts, as many into each batch as there is room for; only the last state of each is wanted. */
export function packed(texts: readonly Int32Array[]): Part[][] {
  const batches: Part[][] = []
  let room = 0
  for (const [sequence, tokens] of texts.entries()) {
    if (tokens.length > room) {
      batches.push([])
      room = batchTokens
    }
    room -= tokens.length
    batches.at(-1)?.push({ sequence, tokens })
  }
  return batches
}

/** Draws `length` tokens for each of the sample's first `count` prompts as a collection would; an end token is drawn again. */
export async function recordResponses(subject: Subject, count: number, length: number): Promise<Response[]> {
  const prompts = renderPrompts(subject, samplePrompts(count))
  const context = subject.context({ contextTokens: cells(prompts, length), sequences: count })
  const samplers = prompts.map((_, seed) => new Sampler({ ...sampling.parse({}), seed }))
  const made = prompts.map(() => ({ tokens: [] as number[], states: [] as Float32Array[] }))
  await decodeResponses(context, prompts, (sequence, row, decoded) => {
    const { tokens, states } = made[sequence] as (typeof made)[number]
    states.push(rowOf(decoded.states, row, subject.facts.stateSize))
    const sampler = samplers[sequence] as Sampler
    let token = context.sample(row, sampler)
    for (let again = 0; again < 50 && subject.model.isEndOfGeneration(token); again++) token = context.sample(row, sampler)
    tokens.push(token)
    return tokens.length < length ? token : null
  })
  context.free()
  return made.map(({ tokens, states }, i) => ({ prompt: prompts[i] as Int32Array, tokens: Int32Array.from(tokens), states: joined(states) }))
}

/** Room for these prompts and `length` more tokens of each, in whole batches. */
export function cells(prompts: readonly Int32Array[], length: number): number {
  const needed = prompts.reduce((sum, prompt) => sum + prompt.length + length, 0)
  return Math.ceil(needed / batchTokens + 1) * batchTokens
}

function joined(states: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(states.reduce((sum, state) => sum + state.length, 0))
  let at = 0
  for (const state of states) {
    all.set(state, at)
    at += state.length
  }
  return all
}
