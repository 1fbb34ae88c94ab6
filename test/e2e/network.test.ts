/** The window opens no connection and looks up no name by itself, from its start to its end; with every socket of its processes watched. */
import { _electron, expect, test } from '@playwright/test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectLog } from '../fixtures/connect-log.ts'
import { ask } from './port.ts'
import { environment, flags, root } from './studio.ts'
import { withModel } from './tiny-project.ts'

test.skip(process.platform !== 'linux', 'the watch is preloaded as Linux does it')

test('no network unless it is asked for', async () => {
  const folder = mkdtempSync(join(tmpdir(), 're-control-e2e-'))
  const watched = connectLog(folder)
  const app = await _electron.launch({ cwd: root, args: ['.', ...flags(folder)], env: { ...environment(folder), ...watched.env, HF_ENDPOINT: 'http://127.0.0.1:45321' } })
  try {
    const page = await app.firstWindow()
    await withModel({ page, folder })
    const rows = join(folder, 'rows.jsonl')
    writeFileSync(rows, Array.from({ length: 6 }, (_, i) => `${JSON.stringify({ prompt: `Question ${i}?` })}\n`).join(''))
    const started = [
      ['data.import', { file: rows }],
      ['collect.start', { dataset: 1, maxTokens: 4 }],
      ['reward.start', { collection: 1, source: 'tone' }],
      ['chat.send', { prompt: 'Hello', panes: [{ name: 'base' }], maxTokens: 4 }]
    ] as const
    for (const [method, input] of started) {
      expect(await ask(page, method, input)).toHaveProperty('output')
      await expect.poll(async () => JSON.stringify((await ask(page, 'studio.state', {})).output)).not.toMatch(/"state":"(running|queued)"/)
    }
    await expect.poll(async () => JSON.stringify((await ask(page, 'chat.path', { conversation: 1, limit: 1 })).output)).toContain('"finish"')
    await page.reload()
    await page.getByRole('navigation').waitFor()
    // Playwright has Electron listen for its inspector, which looks its own address up
    expect(watched.lines().filter((line) => line !== 'lookup 127.0.0.1 0')).toEqual([])

    // the watch sees the engine's process
    await ask(page, 'data.hub', { name: 'owner/name' })
    expect(watched.lines().join('\n')).toMatch(/connect 127\.0\.0\.1 45321/)
  } finally {
    await app.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
