/** serve: until Ctrl-C, with the token that it prints or that the environment brings; what it answers is what generate writes. */
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeHome, type Home } from './terminal.ts'

const instruction = 'Be good, and brief.'
const question = 'what is love?'
const token = 'a-token-of-the-environment'

let home: Home
beforeAll(async () => {
  process.env['SERVE_TEST_TOKEN'] = token
  home = await makeHome()
  expect((await home.cli('project', 'new', 'p', '--model', 'tiny.gguf')).code).toBe(0)
})
afterAll(() => home.remove())

/** Its first line, as soon as it is there. */
function firstLine(stdout: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')))
    })
    stdout.on('close', () => reject(new Error(`it ended with ${text}`)))
  })
}

test('answers as generate does, and ends well at Ctrl-C', async () => {
  const flags = ['--method', 'prompting', '--instruction', instruction]
  const generated = await home.cli('generate', 'p', ...flags, '--prompt', question, '--seed', '5', '--max-tokens', '10', '--deterministic', '--json')
  const { process: serving, result } = home.start('serve', 'p', ...flags, '--port', '0', '--token-env', 'SERVE_TEST_TOKEN', '--json')
  const started = JSON.parse(await firstLine(serving.stdout!)) as { address: string; method: string; token?: string }
  expect(started).toMatchObject({ method: 'prompting', address: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/v1$/) as string })
  expect(started.token).toBeUndefined()
  const client = new OpenAI({ baseURL: started.address, apiKey: token, maxRetries: 0 })
  const [model] = (await client.models.list()).data
  const body = { messages: [{ role: 'user' as const, content: question }], seed: 5, max_tokens: 10, deterministic: true }
  const answer = await client.chat.completions.create({ model: model!.id, ...body })
  expect(answer.choices[0]!.message.content).toBe((generated.json as { responses: { response: string }[] }).responses[0]!.response)
  expect((await client.chat.completions.create({ model: 'base', ...body })).choices[0]!.message.content).not.toBe(answer.choices[0]!.message.content)
  serving.kill('SIGINT')
  const { code, stderr } = await result
  expect(code).toBe(0)
  expect(stderr).toContain('Stopped after 2 requests')
  expect(stderr).not.toContain(token)
})

test('prints a token of its own where none is given; what cannot be is one line', async () => {
  const { process: serving, result } = home.start('serve', 'p', '--port', '0', '--json')
  const { address, token: made } = JSON.parse(await firstLine(serving.stdout!)) as { address: string; token: string }
  expect((await new OpenAI({ baseURL: address, apiKey: made, maxRetries: 0 }).models.list()).data[0]!.id).toBe('tiny')
  const port = new URL(address).port
  expect((await home.cli('project', 'new', 'q', '--model', 'tiny.gguf')).code).toBe(0)
  const taken = await home.cli('serve', 'q', '--port', port)
  expect(taken).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(`port ${port} is taken by another program`) as string })
  serving.kill('SIGTERM')
  expect((await result).code).toBe(0)
  for (const [words, said] of [[['--port', '99999'], '--port'], [['--token-env', 'NOT_SET_ANYWHERE'], 'NOT_SET_ANYWHERE holds no token'], [['--method', 're-control'], 'needs a value function']] as const) {
    const { code, stderr } = await home.cli('serve', 'p', ...words)
    expect(code).toBe(1)
    expect(stderr).toContain(said)
  }
})
