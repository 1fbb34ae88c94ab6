/** How long a chat waits for its first token, over the same prompt decoded by llama.cpp alone. */
import { Sampler } from '../../../native/llama.ts'
import { sampling } from '../../../src-main/contract/shared.ts'
import type { HostClient } from '../../../src-main/engine/models/host-client.ts'
import type { Prompt } from '../../../src-main/model-host/messages/model.ts'
import { batchOf } from '../../fixtures/batches.ts'
import { interleave, timed } from '../interleave.ts'
import { samplePrompts } from '../responses.ts'
import type { Measurement, PartResult } from '../result.ts'
import { milliseconds, ratios } from '../statistics.ts'
import { openStudio } from '../studio.ts'
import { batchTokens, type Subject } from '../subject.ts'

const rounds = 9
const promptsOfOne = 4
const settings = sampling.parse({})

export async function firstToken(subject: Subject, add: (measurement: Measurement) => void): Promise<Omit<PartResult, 'measurements'>> {
  const texts = samplePrompts((rounds + 1) * promptsOfOne)
  // each round has a prompt of its own: nothing of it can be there already
  const prompts = Array.from({ length: rounds + 1 }, (_, i): Prompt => ({
    messages: [{ role: 'user', content: texts.slice(i * promptsOfOne, (i + 1) * promptsOfOne).join(' ') }]
  }))
  const studio = await openStudio(subject)
  const bare = subject.context({ contextTokens: 4 * batchTokens, sequences: 1, observe: false })
  try {
    subject.progress('first-token: loading the model in its host')
    const host = await studio.host()
    const throughHost = (round: number): Promise<number> => timed(() => firstEvent(host, prompts[round] as Prompt))
    const alone = async (round: number): Promise<number> => {
      const { tokens } = subject.renderer.render(prompts[round] as Prompt)
      const sampler = new Sampler({ ...settings, seed: 1 })
      const seconds = await timed(async () => {
        await bare.decode(batchOf([{ sequence: 0, tokens }]))
        bare.sample(0, sampler)
      })
      bare.removeSequence(0)
      return seconds
    }
    await throughHost(rounds)
    await alone(rounds)
    subject.progress('first-token: the host and llama.cpp alone, in turns')
    const [base = [], chat = []] = await interleave([alone, throughHost], { seconds: 60, most: rounds })
    add({
      group: 'time to the first token over llama.cpp alone',
      label: 'one chat prompt',
      unit: 'ratio',
      spread: ratios(chat, base),
      details: {
        'llama_decode and one sample, ms': milliseconds(base),
        'from request to token, ms': milliseconds(chat),
        'tokens of the first prompt': subject.renderer.render(prompts[0] as Prompt).tokens.length
      },
      note: null
    })
  } finally {
    bare.free()
    await studio.close()
  }
  return {
    name: 'first-token',
    title: 'Time to the first token',
    about: "From the engine's request to the token's event, through the model host with its chat template, over one llama_decode of the same prompt and one sample. A new prompt each round."
  }
}

/** Resolves at the first token's event. */
function firstEvent(host: HostClient, prompt: Prompt): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = { key: 0, prompt, sampling: settings, seed: 1, maxTokens: 1, control: null }
    const onEvent = (event: { kind: string }): void => void (event.kind === 'token' && resolve())
    host.request('generate', { requests: [request], parallel: 1, states: false, tokens: true, deterministic: false }, { onEvent }).catch(reject)
  })
}
