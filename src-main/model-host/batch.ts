/** One step of the running sequences as a batch. */
import type { Batch, Control } from '../../native/llama.ts'
import type { ValueFunction } from '../../native/value-function.ts'
import type { Sequence } from './sequence.ts'

export interface Step {
  batch: Batch
  /** whose output row it is */
  rows: Sequence[]
  /** tokens of prompts among the batch's */
  promptTokens: Map<Sequence, number>
}

/**
 * One token of each running response, and as much of new prompts as there is room for. Given responses are read only
 * when no response is being drawn: a step full of them would hold up a chat, and needs no output head.
 * Advances the sequences' positions. Null when nothing can be decoded.
 */
export function nextStep(running: Sequence[], batchTokens: number, states: boolean, networks: Map<number, ValueFunction>): Step | null {
  const ready = running.filter((sequence) => !sequence.waits)
  const drawn = ready.filter(({ sampler }) => sampler !== null)
  const chosen = drawn.length > 0 ? drawn : ready
  chosen.sort((a, b) => a.pending - b.pending) // running responses before new prompts

  const [tokens, positions, places, outputs]: [number[], number[], number[], number[]] = [[], [], [], []]
  const rows: Sequence[] = []
  const promptTokens = new Map<Sequence, number>()
  for (const sequence of chosen) {
    const end = Math.min(sequence.length, sequence.position + batchTokens - tokens.length)
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
  const head = drawn.length > 0
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

/** One control for all rows of the same value function and settings, so that they share its matrices. */
function controlsOf(rows: Sequence[], networks: Map<number, ValueFunction>): Control[] {
  const groups = new Map<string, { control: Omit<Control, 'rows'>; rows: number[] }>()
  rows.forEach(({ control }, row) => {
    if (control === null) return
    const key = `${control.network}/${control.stepSize}/${control.updates}`
    const group = groups.get(key)
    if (group !== undefined) group.rows.push(row)
    else {
      const valueFunction = networks.get(control.network) as ValueFunction
      groups.set(key, { control: { valueFunction, stepSize: control.stepSize, updates: control.updates }, rows: [row] })
    }
  })
  return [...groups.values()].map(({ control, rows }) => ({ ...control, rows: Int32Array.from(rows) }))
}
