/** Embeddings of whole texts. */
import type { Model } from '../../native/llama.ts'
import { StudioError } from '../contract/errors.ts'
import type { SkippedEvent } from './messages/generate.ts'
import type { EmbeddedEvent, EmbedInput } from './messages/read-text.ts'
import type { TextReader } from './text-reader.ts'

/** Tells each text's embedding, or why it has none. A text that is too long is cut. Throws 'cancelled' on abort. */
export async function embedAll(reader: TextReader, model: Model, { requests }: EmbedInput, emit: (event: EmbeddedEvent | SkippedEvent) => void, signal: AbortSignal): Promise<void> {
  const frame = model.tokenize('', true, false) // what stands around every text: [CLS] and [SEP], say
  const end = frame.at(-1)
  const closes = end !== undefined && end !== model.facts().beginToken
  for (const { key, text } of requests) {
    if (signal.aborted) throw new StudioError('cancelled', 'embedding was stopped')
    const tokens = model.tokenize(text, true, false)
    const cut = tokens.length > reader.mostTokens
    if (tokens.length <= frame.length) {
      emit({ kind: 'skipped', key, reason: 'the text is empty' })
      continue
    }
    const kept = cut ? tokens.slice(0, reader.mostTokens) : tokens
    if (cut && closes) kept[kept.length - 1] = end // as the tokenizers of such models do
    const embedding = await reader.read(kept)
    if (embedding.every(Number.isFinite)) emit({ kind: 'embedded', key, embedding, cut })
    else emit({ kind: 'skipped', key, reason: 'its embedding is not of finite numbers' })
  }
}
