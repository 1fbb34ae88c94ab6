/**
 * A reward model in a GGUF file, in a process of its own: its own classification head, or a head from a safetensors
 * file on the backbone's last state. The reward is the raw logit, no sigmoid of it.
 */
import { resolve } from 'node:path'
import { z } from 'zod'
import { StudioError } from '../../contract/errors.ts'
import type { SkippedEvent } from '../../model-host/messages/generate.ts'
import type { LoadInput, Prompt } from '../../model-host/messages/model.ts'
import type { ScoredEvent } from '../../model-host/messages/read-text.ts'
import { classificationHead } from '../models/classification-head.ts'
import { inspectModel } from '../models/inspect.ts'
import type { HostClient } from '../models/host-client.ts'
import { Chunks } from './chunks.ts'
import { readHead } from './head-file.ts'
import type { RewardSource, ToScore } from './source.ts'

/** of one request to the model */
const chunkSize = 32

const path = z.string().min(1).max(4096).regex(/^[^\0]*$/, 'a path holds no null characters')

const settings = z.object({
  file: path.meta({ title: 'Model file', description: 'GGUF file of the reward model' }),
  head: path.nullable().default(null).meta({ title: 'Head file', description: 'Safetensors file with score.weight, where the GGUF file has no head of its own' }),
  label: z.string().max(200).nullable().default(null).meta({ title: 'Label', description: 'Name or number of the logit that is the reward, where the head has several' })
})

export const rewardModel: RewardSource<typeof settings> = {
  name: 'reward-model',
  title: 'Reward model',
  description: 'The raw logit of a reward model in a GGUF file, by its own classification head or by one from a safetensors file.',
  settings,

  // the labels stay valid from whichever folder they were asked for
  complete: ({ file, head, label }) => ({ file: resolve(file), head: head && resolve(head), label }),

  async open({ file, head, label }, { models, signal }) {
    const { scores, labels } = await scoringOf(file, head)
    const logit = logitOf(label, labels)
    const second = models.second(file, signal, scores)
    return {
      async score(items, tell) {
        const chunks = new Chunks(items, chunkSize, tell)
        const read = async (host: HostClient, progressed: () => void): Promise<void> => {
          for (let chunk = chunks.next(); chunk.length > 0; chunk = chunks.next()) {
            const onEvent = (event: ScoredEvent | SkippedEvent): void => {
              const item = chunk[event.key] as ToScore
              chunks.tell(item, event.kind === 'skipped' ? { failure: event.reason } : { value: event.logits[logit] ?? NaN })
              progressed()
            }
            await host.request('score', { requests: chunk.map((item, key) => ({ key, prompt: conversation(item) })) }, { signal, onEvent })
          }
        }
        await second.use(read)
      },
      close: () => second.close()
    }
  },

  async preview({ file, head, label }, { first }, { models, signal }) {
    const { labels } = await scoringOf(file, head)
    const logit = logitOf(label, labels)
    const facts = [{ name: 'Head', value: head ?? 'in the model\'s file' }, { name: 'Logit', value: labels[logit] ?? `${logit + 1} of ${labels.length}` }]
    if (first === null) return { sample: null, facts }
    const { text, tokens, templated } = await models.renderBy(file, conversation(first), signal)
    return {
      sample: text,
      facts: [...facts, { name: 'Template', value: templated ? 'the reward model\'s own chat template' : 'the file has none: a plain transcript' }, { name: 'Tokens', value: String(tokens) }]
    }
  }
}

/** The response is the conversation's last turn, and nothing is to follow. */
function conversation({ messages, text }: ToScore): Prompt {
  return { messages: [...messages, { role: 'assistant', content: text }], whole: true }
}

/** @throws StudioError for a file that has no head, or a head too many */
async function scoringOf(file: string, head: string | null): Promise<{ scores: LoadInput['scores']; labels: (string | null)[] }> {
  const own = await classificationHead(file)
  if (head === null) {
    if (own === null) throw new StudioError('not-usable', `${file} has no classification head (no tensor cls.output.weight), so it gives no rewards; name a safetensors file with its score.weight as the head`)
    return { scores: 'own-head', labels: own.labels }
  }
  if (own !== null) throw new StudioError('bad-request', `${file} has a classification head of its own; leave the head file out`)
  const scores = readHead(head)
  const { embeddingLength } = await inspectModel(file)
  const labels = scores.bias.length
  const inputs = scores.weight.length / labels
  if (inputs !== embeddingLength) throw new StudioError('not-usable', `the head in ${head} takes states of ${inputs} numbers, those of ${file} have ${embeddingLength}: they do not belong together`)
  return { scores, labels: new Array<null>(labels).fill(null) }
}

/** @throws StudioError where there are several and none is named, or one that is not there */
function logitOf(label: string | null, labels: (string | null)[]): number {
  const all = labels.map((name, i) => name ?? String(i)).join(', ')
  if (label === null) {
    if (labels.length === 1) return 0
    throw new StudioError('bad-request', `the head has ${labels.length} labels, so one must be named: ${all}`)
  }
  const named = labels.indexOf(label)
  const index = named >= 0 ? named : /^\d+$/.test(label) ? Number(label) : -1
  if (index < 0 || index >= labels.length) throw new StudioError('bad-request', `the head has no label ${label}; it has ${all}`)
  return index
}
