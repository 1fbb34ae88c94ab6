/**
 * What changes the whole model while it generates: LoRA adapters and control vectors. One applies to a whole context,
 * and keys and values depend on it, so only sequences with the same one may be in the context at once.
 */
import { LoraAdapter, type Context, type Model } from '../../native/llama.ts'
import { StudioError } from '../contract/errors.ts'
import type { Adapter } from './messages/generate.ts'

type Ready = { kind: 'lora'; lora: LoraAdapter; scale: number } | Extract<Adapter, { kind: 'control-vector' }>

export class Adapters {
  readonly #model: Model
  readonly #context: Context
  readonly #ready = new Map<string, Ready>()
  /** by file and version: the same one with several scales is loaded once */
  readonly #loras = new Map<string, LoraAdapter>()
  #current: string | null = null

  constructor(model: Model, context: Context) {
    this.#model = model
    this.#context = context
  }

  /** The one that what runs in the context has; null: the model is as it is. */
  get current(): string | null {
    return this.#current
  }

  has(name: string): boolean {
    return this.#ready.has(name)
  }

  /** Only between two steps. @throws StudioError 'not-usable' with llama.cpp's reason */
  set(name: string, adapter: Adapter): void {
    if (this.#ready.has(name)) return // what has a name never changes: it may be in use
    try {
      this.#ready.set(name, adapter.kind === 'lora' ? { kind: adapter.kind, lora: this.#lora(adapter.file, adapter.version), scale: adapter.scale } : adapter)
    } catch (error) {
      const what = adapter.kind === 'lora' ? `${adapter.file} is not usable as a LoRA adapter` : 'the control vector is not usable'
      throw new StudioError('not-usable', `${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
  }

  /** Only between two steps, with nothing in the context. */
  use(name: string | null): void {
    if (name === this.#current) return
    const adapter = name === null ? null : (this.#ready.get(name) ?? null)
    this.#context.setLora(null, 0)
    this.#context.setControlVector(null)
    if (adapter?.kind === 'lora') this.#context.setLora(adapter.lora, adapter.scale)
    else if (adapter?.kind === 'control-vector') this.#context.setControlVector(adapter.data)
    this.#current = name
  }

  #lora(file: string, version: string): LoraAdapter {
    const key = `${version} ${file}`
    const lora = this.#loras.get(key) ?? new LoraAdapter(this.#model, file)
    this.#loras.set(key, lora)
    return lora
  }
}
