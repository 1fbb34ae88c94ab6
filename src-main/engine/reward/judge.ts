/** A language model as the judge: behind an OpenAI-compatible endpoint, or a GGUF file on this machine. */
import { resolve } from 'node:path'
import { z } from 'zod'
import { keyName, type RewardPreview } from '../../contract/entities.ts'
import { StudioError } from '../../contract/errors.ts'
import { addressOf, nameOf } from './endpoint.ts'
import { judgeAt } from './judge-endpoint.ts'
import { localJudge } from './judge-local.ts'
import { defaultRubric, judgeMessages } from './rubric.ts'
import type { RewardSource, ToScore } from './source.ts'

const price = z.number().min(0).nullable().default(null)

const settings = z
  .object({
    url: z
      .string()
      .max(2000)
      .refine((url) => /^https?:\/\//i.test(url) && URL.canParse(url), 'an endpoint\'s address begins with http:// or https://')
      .refine((url) => !URL.canParse(url) || (new URL(url).username === '' && new URL(url).password === ''), 'an address holds no password: keep it as a key, and name that')
      .nullable()
      .default(null)
      .meta({ title: 'Endpoint', description: 'Address of an OpenAI-compatible API, e.g. http://localhost:8000/v1' }),
    model: z.string().min(1).max(300).nullable().default(null).meta({ title: 'Model', description: 'Its name at the endpoint' }),
    file: z.string().min(1).max(4096).nullable().default(null).meta({ title: 'Model file', description: 'Instead of an endpoint: a GGUF file that judges on this machine' }),
    rubric: z
      .string()
      .min(1)
      .max(20_000)
      .refine((text) => text.includes('{response}'), 'a rubric has the place {response}')
      .default(defaultRubric)
      .meta({ title: 'Rubric', description: 'What makes a response good. {prompt} and {response} are filled in, and how to write the score is added.' }),
    min: z.number().default(1).meta({ title: 'Lowest score' }),
    max: z.number().default(10).meta({ title: 'Highest score' }),
    concurrency: z.int().min(1).max(256).default(4).meta({ title: 'At once', description: 'Requests that run at the same time; a cluster takes many' }),
    requestsPerMinute: z.number().positive().max(1e6).nullable().default(null).meta({ title: 'Requests a minute', description: 'No more than these; none: no limit' }),
    timeoutSeconds: z.number().positive().max(300).default(60).meta({ title: 'Timeout', description: 'Seconds for a whole answer' }),
    retries: z.int().min(0).max(10).default(3).meta({ title: 'Retries', description: 'How often a request is sent again when the endpoint is busy, broken or silent' }),
    maxTokens: z.int().min(1).max(4096).default(512).meta({ title: 'Max tokens', description: 'Of the judge\'s answer; one that is cut off gives no score' }),
    temperature: z.number().min(0).max(2).default(0).meta({ title: 'Temperature', description: '0 always takes the likeliest token' }),
    key: keyName.nullable().default(null).meta({ title: 'Key', description: 'Name of a kept key; in the terminal, NAME stands for the environment variable RE_CONTROL_KEY_NAME' }),
    inputPrice: price.meta({ title: 'Input price', description: 'For a million tokens, to estimate the cost' }),
    outputPrice: price.meta({ title: 'Output price', description: 'For a million tokens, to estimate the cost' })
  })
  .refine(({ url, file }) => (url === null) !== (file === null), 'a judge is either an endpoint (url and model) or a GGUF file (file)')
  .refine(({ url, model }) => url === null || model !== null, 'an endpoint needs the name of its model (model)')
  .refine(({ min, max }) => min < max, 'the lowest score is below the highest')
type Settings = z.output<typeof settings>

export const judge: RewardSource<typeof settings> = {
  name: 'judge',
  title: 'Judge',
  description: 'A language model gives a score by your rubric: any OpenAI-compatible endpoint, from a service to your own cluster, or a GGUF file here.',
  settings,
  decisive: ({ url, model, file, rubric, min, max, maxTokens, temperature }) => ({ url, model, file, rubric, min, max, maxTokens, temperature }),
  complete: (chosen) => ({ ...chosen, file: chosen.file === null ? null : resolve(chosen.file) }),

  async open(chosen, { models, secrets, signal }) {
    const { url, model, file, key } = chosen
    if (url !== null && model !== null) return judgeAt({ ...chosen, url, model }, key === null ? null : await secrets.read(key), signal)
    if (file !== null) return localJudge({ ...chosen, file }, models, signal)
    throw new StudioError('bad-request', 'a judge is either an endpoint or a GGUF file')
  },

  preview: (chosen, { first, items, count }) => Promise.resolve({ sample: first === null ? null : requestText(chosen, first), facts: factsOf(chosen, items, count) })
}

/** The request as it is sent, its message as text. */
function requestText(chosen: Settings, item: ToScore): string {
  const { url, file, model, temperature, maxTokens, rubric } = chosen
  const to = url === null ? `${file}, with its own chat template` : `POST ${nameOf(addressOf(url))}\nmodel: ${model}`
  const messages = judgeMessages(rubric, item, chosen).map(({ role, content }) => `${role}:\n${content}`)
  return [`${to}\ntemperature: ${temperature}\nmax tokens: ${maxTokens}`, ...messages].join('\n\n')
}

const charactersPerToken = 4 // of English text, roughly
const measured = 500

/** Tokens are estimated from the first responses. */
function factsOf(chosen: Settings, items: Iterable<ToScore>, count: number): RewardPreview['facts'] {
  let characters = 0
  let seen = 0
  for (const item of items) {
    for (const { content } of judgeMessages(chosen.rubric, item, chosen)) characters += content.length
    if (++seen === measured) break
  }
  const input = seen === 0 ? 0 : ((characters / seen) * count) / charactersPerToken
  const output = count * chosen.maxTokens
  const { inputPrice, outputPrice } = chosen
  return [
    { name: 'Requests', value: String(count) },
    { name: 'Input tokens', value: `about ${rounded(input)} (estimate: four characters each)` },
    { name: 'Output tokens', value: `at most ${rounded(output)}` },
    ...(inputPrice === null && outputPrice === null ? [] : [{ name: 'Cost', value: `at most about ${rounded((input * (inputPrice ?? 0) + output * (outputPrice ?? 0)) / 1e6)}, in the currency of the prices` }])
  ]
}

function rounded(amount: number): string {
  return String(Number(amount.toPrecision(3)))
}
