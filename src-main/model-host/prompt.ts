/** From a conversation to the text and the tokens that the model gets. */
import { Template } from '@huggingface/jinja'
import type { Model } from '../../native/llama.ts'
import type { Message } from '../contract/data.ts'
import { StudioError } from '../contract/errors.ts'
import type { Prompt } from './messages/model.ts'

export interface RenderedPrompt {
  /** special tokens as text */
  text: string
  /** whether special tokens in the text are tokens */
  templated: boolean
  tokens: Int32Array
}

export class PromptRenderer {
  readonly #model: Model
  readonly #template: Template | null
  readonly #begin: string
  readonly #end: string
  readonly #endToken: number

  constructor(model: Model) {
    const facts = model.facts()
    this.#model = model
    this.#begin = this.#text(facts.beginToken)
    this.#end = this.#text(facts.endToken)
    this.#endToken = facts.endToken
    this.#template = facts.chatTemplate === null ? null : new Template(facts.chatTemplate)
  }

  /** A conversation goes through the model's own chat template; without one, as a plain transcript. */
  render(prompt: Prompt): RenderedPrompt {
    if ('messages' in prompt && this.#template !== null) return this.#tokenized(this.#apply(this.#template, prompt.messages, prompt.whole !== true), true)
    return this.#tokenized('text' in prompt ? prompt.text : transcript(prompt.messages, prompt.whole !== true), false)
  }

  /**
   * A response's tokens as they come after this prompt, the end token last. A tokenizer may join text over the border
   * or read a special token out of the response; then the response is tokenized by itself.
   */
  response(prompt: RenderedPrompt, text: string): Int32Array {
    return Int32Array.from([...this.unended(prompt, text), ...(this.#endToken < 0 ? [] : [this.#endToken])])
  }

  /** The same without the end token. */
  unended(prompt: RenderedPrompt, text: string): Int32Array {
    const alone = this.#model.tokenize(text, false, false)
    if (!sameTokens(alone, this.#model.tokenize(text, false, true))) return alone
    const { tokens } = this.#tokenized(prompt.text + text, prompt.templated)
    const goesOn = sameTokens(tokens.subarray(0, prompt.tokens.length), prompt.tokens)
    return goesOn ? tokens.subarray(prompt.tokens.length) : alone
  }

  /** A token by itself, special ones too; of bytes that are no whole letter their hexadecimal numbers. */
  tokenText(token: number): string {
    const bytes = this.#model.piece(token, true)
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    } catch {
      return Array.from(bytes, (byte) => `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
    }
  }

  #tokenized(text: string, templated: boolean): RenderedPrompt {
    // a template writes the begin token itself where the model wants one
    const addSpecial = !templated || this.#begin === '' || !text.startsWith(this.#begin)
    return { text, templated, tokens: this.#model.tokenize(text, addSpecial, templated) }
  }

  #apply(template: Template, messages: Message[], goesOn: boolean): string {
    try {
      return template.render({ messages, add_generation_prompt: goesOn, bos_token: this.#begin, eos_token: this.#end })
    } catch (error) {
      throw new StudioError('not-usable', `the model's chat template fails on this conversation: ${String(error)}`, { cause: error })
    }
  }

  #text(token: number): string {
    return token < 0 ? '' : new TextDecoder().decode(this.#model.piece(token, true))
  }
}

function sameTokens(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((token, i) => token === b[i])
}

function transcript(messages: Message[], goesOn: boolean): string {
  const names = { system: 'System', user: 'Human', assistant: 'Assistant' }
  return messages.map((m) => `\n\n${names[m.role]}: ${m.content}`).join('') + (goesOn ? '\n\nAssistant:' : '')
}
