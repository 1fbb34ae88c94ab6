/** One step of the running sequences as a batch. */
import type { Batch, Control } from '../../native/llama.ts'
import type { ValueFunction } from '../../native/value-function.ts'
import type { ControlInput } from './messages/generate.ts'
import type { Sequence, Strand } from './sequence.ts'

export interface Step {
  batch: Batch
  /** whose output row it is */
  rows: Strand[]
  /** tokens of prompts among the batch's */
  promptTokens: Map<Strand, number>
}

/** Sequences whose prompts are read together: the shortest first, or as they came. */
export interface Queue {
  sequences: Sequence[]
  inOrder: boolean
}

/**
 * One token of each running response, or of each of its branches, and as much of new prompts as there is room for; the prompts are of the first
 * queue that has any, so that those of a collection do not lengthen the step that a chat's first token comes from.
 * Given responses are read only when no response is being drawn: a step full of them would hold up a chat, and needs
 * no output head. Advances the sequences' positions. Null when nothing can be decoded.
 */
export function nextStep(queues: Queue[], batchTokens: number, states: boolean, networks: Map<string, ValueFunction>): Step | null {
  const ready = queues.map(({ sequences }) => sequences.flatMap(({ strands }) => strands.filter(({ waits }) => !waits)))
  const drawn = ready.flat().filter(({ sampler }) => sampler !== null)
  const head = drawn.length > 0
  const waiting = ready.map((strands) => strands.filter(({ sampler, pending }) => (sampler !== null) === head && pending > 1))
  const first = waiting.findIndex(({ length }) => length > 0)
  const prompts = waiting[first] ?? []
  if (queues[first]?.inOrder === false) prompts.sort((a, b) => a.pending - b.pending)
  const single = (head ? drawn : ready.flat()).filter(({ pending }) => pending === 1)
  const chosen = [...single, ...prompts]

  const [tokens, positions, places, outputs]: [number[], number[], number[], number[]] = [[], [], [], []]
  const rows: Strand[] = []
  const promptTokens = new Map<Strand, number>()
  const held = heldBack(queues.flatMap(({ sequences }) => sequences))
  for (const sequence of chosen) {
    const known = held.has(sequence) ? sequence.promptLength - 1 : sequence.length
    const end = Math.min(known, sequence.position + batchTokens - tokens.length)
    const ofPrompt = Math.min(end, sequence.promptLength) - sequence.position
    if (ofPrompt > 0) promptTokens.set(sequence, ofPrompt)
    for (; sequence.position < end; sequence.position++) {
      const wanted = sequence.position >= sequence.outputsFrom
      tokens.push(sequence.token(sequence.position))
      positions.push(sequence.position)
      places.push(sequence.place)
      outputs.push(wanted ? 1 : 0)
      if (wanted) rows.push(sequence)
    }
  }
  if (tokens.length === 0) return null
  return {
    rows,
    promptTokens,
    batch: {
      tokens: Int32Array.from(tokens),
      positions: Int32Array.from(positions),
      sequences: Int32Array.from(places),
      outputs: Uint8Array.from(outputs),
      controls: controlsOf(rows, networks),
      states: states ? 'float16' : 'none',
      head,
      ...(head && { samplers: rows.map(({ sampler }) => sampler) })
    }
  }
}

/**
 * Leaders that wait with their last prompt token for those with the very same prompt: drawn from rows of one batch,
 * the same settings and seed give the same tokens.
 */
function heldBack(running: Sequence[]): Set<Strand> {
  const leaders = running.flatMap(({ waits, sampler, leader, shared }) => (waits && sampler !== null && leader?.promptLength === shared + 1 ? [leader] : []))
  return new Set(leaders.filter((leader) => leader.position < leader.promptLength - 1))
}

/** One control for all rows of the same value function and settings, so that they share its matrices. */
function controlsOf(rows: Strand[], networks: Map<string, ValueFunction>): Control[] {
  const groups = new Map<string, { control: ControlInput; rows: number[] }>()
  rows.forEach(({ control }, row) => {
    if (control === null) return
    const key = JSON.stringify(control)
    const group = groups.get(key)
    if (group !== undefined) group.rows.push(row)
    else groups.set(key, { control, rows: [row] })
  })
  return [...groups.values()].map(({ control: { network, ...ascent }, rows }) => ({
    ...ascent,
    valueFunction: networks.get(network) as ValueFunction,
    rows: Int32Array.from(rows)
  }))
}
