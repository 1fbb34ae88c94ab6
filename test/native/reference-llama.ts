/**
 * The llama forward pass in float64, one token at a time, written from the architecture's definition and not from
 * llama.cpp: what the addon's states, logits and steered tokens are tested against.
 */
import type { Matrix, TinyLayer, TinyWeights } from '../fixtures/tiny-model.ts'

export interface ReferenceStep {
  /** h (D): the last position's state after the final norm */
  state: number[]
  /** W h (vocabulary) */
  logits: number[]
}

/** Keys and values of one layer, one entry a position: (keyValueHeads * headSize). */
interface Cache {
  keys: number[][]
  values: number[][]
}

/** layer, from 0 -> what is added to the residual after it, (D) */
export type Directions = ReadonlyMap<number, Float32Array>

export class ReferenceLlama {
  readonly #weights: TinyWeights
  readonly #directions: Directions
  readonly #caches: Cache[]

  /** @param directions what a control vector adds */
  constructor(weights: TinyWeights, directions: Directions = new Map()) {
    this.#weights = weights
    this.#directions = directions
    this.#caches = weights.layers.map(() => ({ keys: [], values: [] }))
  }

  /** Appends the tokens; the result of each. */
  decode(tokens: Iterable<number>): ReferenceStep[] {
    return Array.from(tokens, (token) => this.#step(token))
  }

  #step(token: number): ReferenceStep {
    const { tokenEmbedding, layers, outputNorm, output, embeddingLength: D } = this.#weights
    let x = Array.from(tokenEmbedding.data.subarray(token * D, (token + 1) * D))
    layers.forEach((layer, l) => {
      x = sum(x, this.#attention(layer, this.#caches[l]!, this.#norm(x, layer.attentionNorm)))
      x = sum(x, feedForward(layer, this.#norm(x, layer.feedForwardNorm)))
      const direction = this.#directions.get(l)
      if (direction !== undefined) x = sum(x, [...direction])
    })
    const state = this.#norm(x, outputNorm)
    return { state, logits: multiply(output, state) }
  }

  /** Grouped-query attention of the newest position over all positions so far. */
  #attention(layer: TinyLayer, cache: Cache, x: number[]): number[] {
    const { heads, keyValueHeads, embeddingLength } = this.#weights
    const headSize = embeddingLength / heads
    const position = cache.keys.length
    const query = this.#rotate(this.#normHeads(multiply(layer.query, x), layer.queryNorm), position)
    cache.keys.push(this.#rotate(this.#normHeads(multiply(layer.key, x), layer.keyNorm), position))
    cache.values.push(multiply(layer.value, x))

    const mixed: number[] = []
    for (let head = 0; head < heads; head++) {
      const own = head * headSize
      const shared = Math.floor(head / (heads / keyValueHeads)) * headSize
      const range = Array.from({ length: headSize }, (_, i) => i)
      const scores = cache.keys.map((key) => range.reduce((dot, i) => dot + query[own + i]! * key[shared + i]!, 0) / Math.sqrt(headSize))
      const attention = softmax(scores)
      for (const i of range) mixed.push(cache.values.reduce((total, value, t) => total + attention[t]! * value[shared + i]!, 0))
    }
    return multiply(layer.attentionOutput, mixed)
  }

  /** Pair i of each head turns by position * base^(-2i/headSize): neighbours in the original llama, halves apart in qwen3. */
  #rotate(x: number[], position: number): number[] {
    const { architecture, embeddingLength, heads, ropeBase } = this.#weights
    const headSize = embeddingLength / heads
    const turned = [...x]
    for (let pair = 0; pair < x.length / 2; pair++) {
      const [head, i] = [Math.floor(pair / (headSize / 2)) * headSize, pair % (headSize / 2)]
      const [a, b] = architecture === 'llama' ? [head + 2 * i, head + 2 * i + 1] : [head + i, head + i + headSize / 2]
      const angle = position * ropeBase ** ((-2 * i) / headSize)
      turned[a] = x[a]! * Math.cos(angle) - x[b]! * Math.sin(angle)
      turned[b] = x[a]! * Math.sin(angle) + x[b]! * Math.cos(angle)
    }
    return turned
  }

  #normHeads(x: number[], weight: Float32Array | undefined): number[] {
    if (weight === undefined) return x
    return Array.from({ length: x.length / weight.length }, (_, head) => this.#norm(x.slice(head * weight.length, (head + 1) * weight.length), weight)).flat()
  }

  /** RMSNorm */
  #norm(x: number[], weight: Float32Array): number[] {
    const meanSquare = x.reduce((total, value) => total + value * value, 0) / x.length
    return x.map((value, i) => (value / Math.sqrt(meanSquare + this.#weights.epsilon)) * weight[i]!)
  }
}

/** Edits a state before the output head sees it. */
export type Edit = (state: number[]) => number[]

export interface ReferenceResponse {
  tokens: number[]
  /** smallest lead of a chosen token's logit over the runner-up's: below the model's own noise the choice says nothing */
  narrowest: number
}

/** Greedy tokens from the edited states; the cache never sees an edit. */
export function referenceResponse(weights: TinyWeights, prompt: Iterable<number>, count: number, edit: Edit = (state) => state): ReferenceResponse {
  const model = new ReferenceLlama(weights)
  const tokens: number[] = []
  let narrowest = Infinity
  let pending = [...prompt]
  while (tokens.length < count) {
    const logits = multiply(weights.output, edit(model.decode(pending).at(-1)!.state))
    const [best, second] = logits.map((logit, token) => ({ logit, token })).sort((a, b) => b.logit - a.logit)
    narrowest = Math.min(narrowest, best!.logit - second!.logit)
    tokens.push(best!.token)
    pending = [best!.token]
  }
  return { tokens, narrowest }
}

/** W x */
export function multiply({ rows, columns, data }: Matrix, x: ArrayLike<number>): number[] {
  return Array.from({ length: rows }, (_, r) => {
    let dot = 0
    for (let c = 0; c < columns; c++) dot += data[r * columns + c]! * x[c]!
    return dot
  })
}

/** SwiGLU */
function feedForward(layer: TinyLayer, x: number[]): number[] {
  const gate = multiply(layer.gate, x)
  const up = multiply(layer.up, x)
  return multiply(layer.down, gate.map((g, i) => (g / (1 + Math.exp(-g))) * up[i]!))
}

function softmax(scores: number[]): number[] {
  const highest = Math.max(...scores)
  const powers = scores.map((score) => Math.exp(score - highest))
  const total = powers.reduce((a, b) => a + b, 0)
  return powers.map((power) => power / total)
}

const sum = (a: number[], b: number[]): number[] => a.map((value, i) => value + b[i]!)
