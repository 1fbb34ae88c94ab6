/** Prompting: an instruction before the conversation, the simplest way to ask for an aligned answer. */
import { z } from 'zod'
import type { SteeringMethod } from './method.ts'

const settings = z.object({
  instruction: z.string().min(1).max(4000).default('Answer in a warm, kind and encouraging tone.').meta({ title: 'Instruction' })
})

export const prompting: SteeringMethod<typeof settings> = {
  name: 'prompting',
  title: 'Prompting',
  description: 'Puts an instruction before the conversation, as the system message.',
  source: 'baseline of arXiv:2406.05954',
  settings,
  messages(messages, { instruction }) {
    const [first, ...rest] = messages
    if (first?.role === 'system') return [{ role: 'system', content: `${instruction}\n\n${first.content}` }, ...rest]
    return [{ role: 'system', content: instruction }, ...messages]
  }
}
