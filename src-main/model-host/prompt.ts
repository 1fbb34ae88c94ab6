/** From a conversation to the text and the tokens that the model gets. */
import { Template } from '@huggingface/jinja'
import type { Model } from '../../native/llama.ts'
import type { Message } from '../contract/entities.ts'
import { StudioError } from '../contract/errors.ts'
import type { Prompt } from './messages.ts'

export interface RenderedPrompt {
  /** special tokens as text */
  text: string
  tokens: Int32Array
}

export class PromptRenderer {
  readonly #model: Model
  readonly #template: Template | null
  readonly #begin: string
  readonly #end: string

  constructor(model: Model) {
    const facts = model.facts()
    this.#model = model
    this.#begin = this.#text(facts.beginToken)
    this.#end = this.#text(facts.endToken)
    this.#template = facts.chatTemplate === null ? null : new Template(facts.chatTemplate)
  }

  /** A conversation goes through the model's own chat template; without one, as a plain transcript. */
  render(prompt: Prompt): RenderedPrompt {
    if ('text' in prompt) return { text: prompt.text, tokens: this.#model.tokenize(prompt.text, true, false) }
    if (this.#template === null) {
      const text = transcript(prompt.messages)
      return { text, tokens: this.#model.tokenize(text, true, false) }
    }
    const text = this.#apply(this.#template, prompt.messages)
    // the template writes the begin token itself where the model wants one
    const addSpecial = this.#begin === '' || !text.startsWith(this.#begin)
    return { text, tokens: this.#model.tokenize(text, addSpecial, true) }
  }

  #apply(template: Template, messages: Message[]): string {
    try {
      return template.render({ messages, add_generation_prompt: true, bos_token: this.#begin, eos_token: this.#end })
    } catch (error) {
      throw new StudioError('not-usable', `the model's chat template fails on this conversation: ${String(error)}`, { cause: error })
    }
  }

  #text(token: number): string {
    return token < 0 ? '' : new TextDecoder().decode(this.#model.piece(token, true))
  }
}

function transcript(messages: Message[]): string {
  const names = { system: 'System', user: 'Human', assistant: 'Assistant' }
  return messages.map((m) => `\n\n${names[m.role]}: ${m.content}`).join('') + '\n\nAssistant:'
}
