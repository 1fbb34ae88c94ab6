/** SIGKILL to the whole app while it works: nothing is left over, nothing is lost, and its job is resumed from the window. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { descendantsOf, processTable, untilGone } from '../fixtures/processes.ts'
import { ask, takePort } from './port.ts'
import { expect, launch, test } from './studio.ts'
import { withModel } from './tiny-project.ts'

test.skip(process.platform !== 'linux', 'the process table is read from /proc')

const output = async <O>(page: Page, method: string, input: object): Promise<O> => {
  const answer = await ask(page, method, input)
  if (answer.output === undefined) throw new Error(`${method}: ${answer.failure?.message}`)
  return answer.output as O
}

const jobIs = (page: Page, id: number, state: string): Promise<void> =>
  expect.poll(async () => (await output<{ jobs: { id: number; state: string }[] }>(page, 'studio.state', {})).jobs.find((job) => job.id === id)?.state, { timeout: 120_000 }).toBe(state)

const responsesOf = async (page: Page, collection: number): Promise<{ example: number; sample: number; text: string; tokens: number }[]> =>
  (await output<{ responses: { example: number; sample: number; text: string; tokens: number }[] }>(page, 'collect.responses', { collection, limit: 200 })).responses
    .map(({ example, sample, text, tokens }) => ({ example, sample, text, tokens }))
    .sort((a, b) => a.example - b.example || a.sample - b.sample)

test('an app that is killed with engine and model host stopped leaves no process, and its collection ends like an uninterrupted one', async ({ studio }) => {
  const { page, folder, app } = studio
  await withModel(studio)
  const file = join(folder, 'rows.jsonl')
  writeFileSync(file, Array.from({ length: 8 }, (_, i) => `${JSON.stringify({ prompt: `Question ${i}: what of ${i * 7}?` })}\n`).join(''))
  const imported = await output<{ id: number }>(page, 'data.import', { file })
  await jobIs(page, imported.id, 'done')
  const settings = { dataset: 1, split: null, samples: 2, maxTokens: 128, parallel: 2, deterministic: true, seed: 5 }
  const undisturbed = await output<{ id: number }>(page, 'collect.start', settings)
  await jobIs(page, undisturbed.id, 'done')
  const wanted = await responsesOf(page, 1)
  expect(wanted).toHaveLength(16)

  const pid = app.process().pid as number
  const before = [...processTable().filter((one) => one.pid === pid), ...descendantsOf(pid)]
  const processes = await app.evaluate(({ app: electron }) => electron.getAppMetrics().map(({ name, pid: number }) => ({ name, number })))
  const ours = ['RE-Control model host', 'RE-Control engine'].flatMap((title) => processes.filter(({ name }) => name === title))
  expect(ours).toHaveLength(2)
  const first = page.evaluate(() => new Promise<void>((resolve) => (window as unknown as { __port: MessagePort }).__port.addEventListener('message', ({ data }) => data.event === 'collect.sample' && resolve())))
  await output(page, 'collect.start', settings)
  await first
  for (const { number } of ours) process.kill(number, 'SIGSTOP')
  process.kill(pid, 'SIGKILL')
  await untilGone(before)

  const again = await launch(folder)
  try {
    const next = await again.firstWindow()
    await next.getByRole('button', { name: 'Open the sample project' }).waitFor()
    await takePort(next)
    await next.getByRole('region', { name: 'Recent' }).getByRole('button').first().click()
    await next.getByRole('navigation', { name: 'Stages' }).waitFor()
    const job = next.getByRole('region', { name: 'Jobs' }).getByRole('listitem').filter({ hasText: /Collect/ }).first()
    const kept = (await responsesOf(next, 2)).length
    expect(kept).toBeLessThan(wanted.length)
    await job.getByRole('button', { name: 'Resume' }).click()
    await expect(job).toContainText('Done', { timeout: 120_000 })
    expect(await responsesOf(next, 2)).toEqual(wanted)
    expect(kept).toBeGreaterThan(0)
  } finally {
    await again.close()
  }
})
