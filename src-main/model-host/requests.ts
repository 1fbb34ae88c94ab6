/** What a request becomes: a sequence of the scheduler, or the reason why it cannot be run. */
import type { Context, Model } from '../../native/llama.ts'
import type { ValueFunction } from '../../native/value-function.ts'
import { StudioError } from '../contract/errors.ts'
import { ComparedResponse } from './compared.ts'
import { DrawnResponse } from './drawn.ts'
import { GivenResponse } from './given.ts'
import { LogitChange } from './logit-change.ts'
import type { ControlInput, GenerateInput, GenerationRequest, PrefillRequest } from './messages/generate.ts'
import type { LikelihoodRequest } from './messages/likelihood.ts'
import type { Prompt } from './messages/model.ts'
import type { PromptRenderer, RenderedPrompt } from './prompt.ts'
import { SearchedResponse } from './search.ts'

export interface ContextSettings {
  contextTokens: number
  /** longest prompt plus response that the model was trained for */
  sequenceTokens: number
  sequences: number
  batchTokens: number
  sharesPrefixes: boolean
}

export class Requests {
  readonly #model: Model
  readonly #context: Context
  readonly #renderer: PromptRenderer
  readonly #networks: Map<string, ValueFunction>
  readonly #settings: ContextSettings
  readonly #vocabularySize: number

  constructor(model: Model, context: Context, renderer: PromptRenderer, networks: Map<string, ValueFunction>, settings: ContextSettings) {
    this.#model = model
    this.#context = context
    this.#renderer = renderer
    this.#networks = networks
    this.#settings = settings
    this.#vocabularySize = model.facts().vocabularySize
  }

  /** @throws StudioError 'bad-request' for a value function that the host does not have */
  checkNetwork(control: ControlInput | null): void {
    if (control !== null && !this.#networks.has(control.network)) throw new StudioError('bad-request', `value function ${control.network} is not in the model host`)
  }

  /** A response to be drawn or searched for. @throws Error when the model cannot take it, as the next two */
  drawn(request: GenerationRequest, input: GenerateInput): DrawnResponse | SearchedResponse {
    const prompt = this.#render(request.prompt, request.maxTokens)
    if (request.search === undefined || request.search === null) return new DrawnResponse(this.#model, request, prompt, input)
    const sequence = new SearchedResponse(this.#model, this.#context, request, request.search, prompt, input)
    this.#checkBranches(sequence, request.search.topK)
    return sequence
  }

  /** A response that is there already, to be read for its states. */
  given(request: PrefillRequest, deterministic: boolean): GivenResponse {
    const prompt = this.#render(request.prompt, 0)
    const tokens = this.#renderer.response(prompt, request.response)
    if (tokens.length === 0) throw new Error('the response is empty')
    this.#checkRoom(prompt, Math.min(tokens.length, request.maxTokens))
    return new GivenResponse(request, prompt, tokens, deterministic)
  }

  /** A response that is there already, to be measured by the probabilities of its tokens. */
  compared({ key, prompt, response, own, closely = false, changes = false }: LikelihoodRequest): ComparedResponse {
    const base = this.#render(prompt, 0)
    const tokens = typeof response === 'string' ? this.#renderer.unended(base, response) : response
    if (tokens.length === 0) throw new Error('the response is empty')
    if (tokens.some((token) => token < 0 || token >= this.#vocabularySize)) throw new Error("the response has a token that is not in the model's vocabulary: it is another model's")
    this.#checkRoom(base, tokens.length)
    const other = own && { prompt: this.#render(own.prompt, tokens.length), control: own.control }
    return new ComparedResponse(key, base, tokens, other, this.#settings, closely ? (token) => this.#renderer.tokenText(token) : null, changes && own !== null ? new LogitChange(this.#context) : null)
  }

  #render(prompt: Prompt, newTokens: number): RenderedPrompt {
    const rendered = this.#renderer.render(prompt)
    if (rendered.tokens.length === 0) throw new Error('the prompt is empty')
    this.#checkRoom(rendered, newTokens)
    return rendered
  }

  #checkRoom({ tokens }: RenderedPrompt, newTokens: number): void {
    const limit = Math.min(this.#settings.sequenceTokens, this.#settings.contextTokens)
    if (tokens.length + newTokens <= limit) return
    throw new Error(`the prompt's ${tokens.length} tokens and ${newTokens} new ones are more than the ${limit} of the model's context`)
  }

  #checkBranches({ places, cells }: SearchedResponse, topK: number): void {
    if (places > 1 && !this.#settings.sharesPrefixes) throw new Error('this model cannot go on in several ways at once: it has recurrent layers or a sliding window')
    if (places > this.#settings.sequences) throw new Error(`${topK} tokens cannot compete: the model was loaded for ${this.#settings.sequences} sequences at once`)
    if (cells > this.#settings.contextTokens) throw new Error(`prompt, response and the ${topK} branches of its tokens need ${cells} cells, more than the ${this.#settings.contextTokens} of the context: fewer candidates or a shorter look-ahead are needed`)
  }
}
