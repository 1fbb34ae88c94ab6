/** A first request to the local server in three languages; the token is left to the environment. */
export function serverExamples(address: string): Record<'curl' | 'javascript' | 'python', string> {
  return {
    curl: `curl ${address}/chat/completions \\
  -H "Authorization: Bearer $RE_CONTROL_TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "re-control", "settings": {"alpha": 2.5},
       "messages": [{"role": "user", "content": "How was your day?"}]}'`,
    javascript: `import OpenAI from 'openai'

const client = new OpenAI({
  baseURL: '${address}',
  apiKey: process.env.RE_CONTROL_TOKEN
})
const answer = await client.chat.completions.create({
  model: 're-control', // GET /v1/models lists the others
  settings: { alpha: 2.5 },
  messages: [{ role: 'user', content: 'How was your day?' }]
})
console.log(answer.choices[0].message.content, answer.choices[0].re_control)`,
    python: `import os
from openai import OpenAI

client = OpenAI(base_url="${address}", api_key=os.environ["RE_CONTROL_TOKEN"])
answer = client.chat.completions.create(
    model="re-control",  # GET /v1/models lists the others
    extra_body={"settings": {"alpha": 2.5}},
    messages=[{"role": "user", "content": "How was your day?"}],
)
print(answer.choices[0].message.content)`
  }
}
