/** The local server from the Model stage: off at first, on by hand, its token hidden until asked for; a client is answered and counted. */
import OpenAI from 'openai'
import { join } from 'node:path'
import { writeTinyModel } from '../fixtures/tiny-model.ts'
import { expect, test } from './studio.ts'

test('the local server is started, used and stopped', async ({ studio }) => {
  const { page, app, folder, picture, problems } = studio
  const model = join(folder, 'tiny.gguf')
  writeTinyModel(model)
  await studio.answerDialog(join(folder, 'p'))
  await page.getByRole('button', { name: 'New project' }).click()
  await studio.go('Model')
  await expect(page.getByRole('heading', { name: 'Local server' })).toBeHidden() // there is nothing to serve yet
  await studio.answerDialog(model)
  await page.getByRole('button', { name: 'Choose a GGUF file' }).click()
  const panel = page.getByRole('region', { name: 'Local server' })
  await expect(panel.getByText('Off', { exact: true })).toBeVisible()
  await panel.scrollIntoViewIfNeeded()
  await picture('server-off')
  // a port that the system says is free; another program may take it meanwhile
  const port = await app.evaluate(async () => {
    const { createServer } = process.getBuiltinModule('node:net')
    const probe = createServer()
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
    const { port: free } = probe.address() as { port: number }
    await new Promise((resolve) => probe.close(resolve))
    return free
  })
  await panel.getByLabel('Port').fill(String(port))
  await panel.getByLabel('Port').press('Tab')
  await panel.getByRole('button', { name: 'Start' }).click()
  await expect(panel.getByText(`http://127.0.0.1:${port}/v1`, { exact: true })).toBeVisible()
  await expect(panel.getByText(/^rcs-/)).toHaveCount(0)
  await panel.getByRole('button', { name: 'Show', exact: true }).click()
  const token = await panel.getByText(/^rcs-/).innerText()
  const client = new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: token, maxRetries: 0 })
  expect((await client.models.list()).data[0]?.id).toBe('tiny')
  const answer = await client.chat.completions.create({ model: 'base', messages: [{ role: 'user', content: 'why?' }], max_tokens: 8 })
  expect(answer.usage?.completion_tokens).toBeGreaterThan(0)
  await expect(panel.getByText('1 request answered')).toBeVisible()
  await panel.getByRole('button', { name: 'New token' }).click()
  await expect(panel.getByText(token)).toHaveCount(0)
  await expect(client.models.list()).rejects.toMatchObject({ status: 401 })
  await panel.getByRole('button', { name: 'Hide', exact: true }).click()
  await panel.getByText('JavaScript').click()
  for (const [name, width, height] of [['wide', 1280, 800], ['narrow', 1024, 700]] as const) {
    await page.setViewportSize({ width, height })
    await panel.scrollIntoViewIfNeeded()
    await picture(`server-on-${name}`)
  }
  await panel.getByRole('button', { name: 'Stop' }).click()
  await expect(panel.getByText('Off', { exact: true })).toBeVisible()
  await expect(client.models.list()).rejects.toThrow(/connection/i)
  expect(problems).toEqual([])
})
