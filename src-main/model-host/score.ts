/** Rewards: the logits of whole texts. */
import { StudioError } from '../contract/errors.ts'
import type { SkippedEvent } from './messages/generate.ts'
import type { ScoredEvent, ScoreInput } from './messages/read-text.ts'
import type { PromptRenderer } from './prompt.ts'
import type { TextReader } from './text-reader.ts'

/** Tells each text's logits, or why it has none. Throws 'cancelled' on abort. */
export async function scoreAll(scorer: TextReader, renderer: PromptRenderer, { requests }: ScoreInput, emit: (event: ScoredEvent | SkippedEvent) => void, signal: AbortSignal): Promise<void> {
  for (const { key, prompt } of requests) {
    if (signal.aborted) throw new StudioError('cancelled', 'scoring was stopped')
    const skip = (reason: string): void => emit({ kind: 'skipped', key, reason })
    let tokens: Int32Array
    try {
      tokens = renderer.render(prompt).tokens
    } catch (error) {
      skip(error instanceof Error ? error.message : String(error))
      continue
    }
    if (tokens.length === 0) skip('its text is empty')
    else if (tokens.length > scorer.mostTokens) skip(`its ${tokens.length} tokens are more than the ${scorer.mostTokens} that the reward model takes`)
    else {
      const logits = await scorer.read(tokens)
      if (logits.every(Number.isFinite)) emit({ kind: 'scored', key, logits })
      else skip('its logits are not finite numbers')
    }
  }
}
