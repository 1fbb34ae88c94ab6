/** A language model as the judge: behind an OpenAI-compatible endpoint, or a GGUF file on this machine. */
import { resolve } from 'node:path'
import { z } from 'zod'
import type { RewardPreview } from '../../contract/reward.ts'
import { addressOf, nameOf } from './endpoint.ts'
import { judgeModel, judgeRequests, modelNamed, oneJudge } from './judge-settings.ts'
import { judgeDoor, openJudge } from './open-judge.ts'
import { verdictOf } from './parse-score.ts'
import { defaultRubric, judgeMessages } from './rubric.ts'
import type { RewardSource, ToScore } from './source.ts'

const price = z.number().min(0).nullable().default(null)

const settings = z
  .object({
    ...judgeModel,
    rubric: z
      .string()
      .min(1)
      .max(20_000)
      .refine((text) => text.includes('{response}'), 'a rubric has the place {response}')
      .default(defaultRubric)
      .meta({ title: 'Rubric', description: 'What makes a response good. {prompt} and {response} are filled in, and how to write the score is added.' }),
    min: z.number().default(1).meta({ title: 'Lowest score' }),
    max: z.number().default(10).meta({ title: 'Highest score' }),
    ...judgeRequests,
    inputPrice: price.meta({ title: 'Input price', description: 'For a million tokens, to estimate the cost' }),
    outputPrice: price.meta({ title: 'Output price', description: 'For a million tokens, to estimate the cost' })
  })
  .refine(...oneJudge)
  .refine(...modelNamed)
  .refine(({ min, max }) => min < max, 'the lowest score is below the highest')
type Settings = z.output<typeof settings>

export const judge: RewardSource<typeof settings> = {
  name: 'judge',
  title: 'Judge',
  description: 'A language model gives a score by your rubric: any OpenAI-compatible endpoint, from a service to your own cluster, or a GGUF file here.',
  settings,
  decisive: ({ url, model, file, rubric, min, max, maxTokens, temperature }) => ({ url, model, file, rubric, min, max, maxTokens, temperature }),
  complete: (chosen) => ({ ...chosen, file: chosen.file === null ? null : resolve(chosen.file) }),
  door: judgeDoor,

  async open(chosen, surroundings) {
    const asked = await openJudge(chosen, { messages: (item: ToScore) => judgeMessages(chosen.rubric, item, chosen), read: (answer, shown) => verdictOf(answer, chosen, shown) }, surroundings)
    return { score: (items, tell) => asked.ask(items, tell), close: () => asked.close() }
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
