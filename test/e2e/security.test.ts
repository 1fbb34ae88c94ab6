/** What a page, its data and a model's words cannot do. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from './studio.ts'

const hostile = '<img src=x onerror="window.__hit=1"><script>window.__hit=1</script><a href="https://example.com">link</a>'

test('the page has no node, no network, no windows and no way out', async ({ studio }) => {
  const { page, app } = studio
  await page.getByRole('button', { name: 'Open the sample project' }).waitFor()
  const reach = await page.evaluate(async () => ({
    node: [typeof globalThis.process, typeof (globalThis as { require?: unknown }).require],
    network: await fetch('https://example.com').then(() => 'reached', () => 'refused'),
    popup: window.open('https://example.com') === null,
    inlineScript: (() => {
      const script = document.createElement('script')
      script.textContent = 'window.__inline = true'
      document.body.append(script)
      return (window as { __inline?: boolean }).__inline === true ? 'ran' : 'refused'
    })(),
    camera: await navigator.mediaDevices?.getUserMedia({ video: true }).then(() => 'granted', () => 'refused')
  }))
  expect(reach.node).toEqual(['undefined', 'undefined'])
  expect(reach.network).toBe('refused')
  expect(reach.popup).toBe(true)
  expect(reach.inlineScript).toBe('refused')
  expect(reach.camera).not.toBe('granted')

  await page.evaluate(() => void (location.href = 'https://example.com'))
  await page.waitForTimeout(300)
  expect(page.url()).toBe('studio://app/index.html')
  const preferences = await app.evaluate(({ webContents }) => webContents.getAllWebContents().map((contents) => (contents as unknown as { getLastWebPreferences(): Record<string, unknown> }).getLastWebPreferences()))
  for (const preference of preferences) expect(preference).toMatchObject({ sandbox: true, contextIsolation: true, nodeIntegration: false })
})

test('files beside the page cannot be asked for', async ({ studio }) => {
  const { page, app } = studio
  await page.getByRole('button', { name: 'Open the sample project' }).waitFor()
  for (const path of ['../../package.json', '%2e%2e/%2e%2e/package.json', '..%2f..%2fpackage.json']) {
    const status = await app.evaluate(async ({ net }, address) => (await net.fetch(address)).status, `studio://app/${path}`)
    expect(status).toBe(404)
  }
})

test('hostile text is shown as text', async ({ studio }) => {
  const { page, go, folder } = studio
  await studio.openSample()
  const file = join(folder, 'hostile.jsonl')
  writeFileSync(file, JSON.stringify({ prompt: hostile, chosen: hostile, rejected: `${hostile} \u202e reversed` }) + '\n')
  await go('Data')
  await studio.answerDialog(file)
  await page.getByRole('button', { name: 'Import a data set' }).click()
  await page.getByRole('button', { name: 'Import', exact: true }).click()
  await expect(page.getByText(hostile).first()).toBeVisible()
  await studio.picture('30-hostile-text')
  expect(await page.evaluate(() => (window as { __hit?: number }).__hit)).toBeUndefined()
  expect(await page.locator('img, script[src=x]').count()).toBe(0)
})
