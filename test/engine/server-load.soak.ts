/** Sixteen clients of the local server on the real model: what they get together, and the slowest beside the fastest. Its figures are printed. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import OpenAI from 'openai'
import { expect, test } from 'vitest'
import { cacheDirectory } from '../../src-main/engine/directories.ts'
import { Engine } from '../../src-main/engine/engine.ts'
import { forkHost } from '../../src-main/engine/models/fork-host.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { hostEntry, root } from './studio.ts'

const modelFile = join(cacheDirectory(), 'models', 'tinyllama-1.1b-chat-iq2_xxs.gguf')
const clients = 16
const requests = 2
const tokens = 48

interface Load {
  perClient: { tokens: number; seconds: number }[]
  seconds: number
}

test.skipIf(!existsSync(modelFile))('sixteen clients share the real model, and none starves', { timeout: 1_200_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 're-control-load-'))
  const engine = new Engine({ launchHost: () => forkHost(hostEntry), cacheDirectory: cacheDirectory(), dataDirectory: join(folder, 'data'), resourcesDirectory: join(root, 'resources'), tell: () => {} })
  try {
    await engine.open(() => Project.create(join(folder, 'project'), modelFile))
    await engine.models.use(engine.project)
    const { port } = await engine.server.start(0)
    const client = new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: await engine.server.token.get(), maxRetries: 0 })
    const one = async (seed: number): Promise<number> => {
      let text = ''
      let used = 0
      for await (const { choices, usage } of await client.chat.completions.create({
        model: 'base', seed, max_tokens: tokens, stream: true, stream_options: { include_usage: true },
        messages: [{ role: 'user', content: `Tell a long story about a sailor who has ${seed} maps, and what became of each of them.` }]
      })) {
        text += choices[0]?.delta.content ?? ''
        used = usage?.completion_tokens ?? used
      }
      expect(text).not.toBe('')
      return used
    }
    const load = async (count: number): Promise<Load> => {
      const start = performance.now()
      const perClient = await Promise.all(Array.from({ length: count }, async (_, i) => {
        let sum = 0
        for (let round = 0; round < requests; round++) sum += await one(2 + 100 * i + round)
        return { tokens: sum, seconds: (performance.now() - start) / 1000 }
      }))
      return { perClient, seconds: (performance.now() - start) / 1000 }
    }
    await one(1) // what is made ready once
    const alone = rates(await load(1))
    const together = rates(await load(clients))
    console.log(JSON.stringify({ model: 'tinyllama-1.1b-chat-iq2_xxs', clients, requests, tokens, alone, together, ratio: together.total / alone.total }, null, 2))
    expect(together.slowest).toBeGreaterThan(together.fastest / 2)
    expect(together.total).toBeGreaterThan(alone.total)
  } finally {
    await engine.server.stop()
    await engine.close()
    rmSync(folder, { recursive: true, force: true })
  }
})

/** tokens a second */
function rates({ perClient, seconds }: Load): { total: number; slowest: number; fastest: number } {
  const each = perClient.map((one) => one.tokens / one.seconds)
  return { total: perClient.reduce((sum, one) => sum + one.tokens, 0) / seconds, slowest: Math.min(...each), fastest: Math.max(...each) }
}
