/** Settings of whatever asks a judge: which model it is, and how it is asked. */
import { z } from 'zod'
import { keyName } from '../../contract/reward.ts'

export const judgeModel = {
  url: z
    .string()
    .max(2000)
    .refine((url) => /^https?:\/\//i.test(url) && URL.canParse(url), 'an endpoint\'s address begins with http:// or https://')
    .refine((url) => !URL.canParse(url) || (new URL(url).username === '' && new URL(url).password === ''), 'an address holds no password: keep it as a key, and name that')
    .nullable()
    .default(null)
    .meta({ title: 'Endpoint', description: 'Address of an OpenAI-compatible API, e.g. http://localhost:8000/v1' }),
  model: z.string().min(1).max(300).nullable().default(null).meta({ title: 'Model', description: 'Its name at the endpoint' }),
  file: z.string().min(1).max(4096).nullable().default(null).meta({ title: 'Model file', description: 'Instead of an endpoint: a GGUF file that judges on this machine' })
}

export const judgeRequests = {
  concurrency: z.int().min(1).max(256).default(4).meta({ title: 'At once', description: 'Requests that run at the same time; a cluster takes many' }),
  requestsPerMinute: z.number().positive().max(1e6).nullable().default(null).meta({ title: 'Requests a minute', description: 'No more than these; none: no limit' }),
  timeoutSeconds: z.number().positive().max(300).default(60).meta({ title: 'Timeout', description: 'Seconds for a whole answer' }),
  retries: z.int().min(0).max(10).default(3).meta({ title: 'Retries', description: 'How often a request is sent again when the endpoint is busy, broken or silent' }),
  maxTokens: z.int().min(1).max(4096).default(512).meta({ title: 'Max tokens', description: 'Of the judge\'s answer; one that is cut off gives no score' }),
  temperature: z.number().min(0).max(2).default(0).meta({ title: 'Temperature', description: '0 always takes the likeliest token' }),
  key: keyName.nullable().default(null).meta({ title: 'Key', description: 'Name of a kept key; in the terminal, NAME stands for the environment variable RE_CONTROL_KEY_NAME' })
}

const settings = z.object({ ...judgeModel, ...judgeRequests })
export type JudgeSettings = z.output<typeof settings>

type Which = Pick<JudgeSettings, 'url' | 'model' | 'file'>

/** For a schema's `refine`: the condition, and what to say where it does not hold. */
export const oneJudge = [({ url, file }: Which): boolean => (url === null) !== (file === null), 'a judge is either an endpoint (url and model) or a GGUF file (file)'] as const
export const modelNamed = [({ url, model }: Which): boolean => url === null || model !== null, 'an endpoint needs the name of its model (model)'] as const
