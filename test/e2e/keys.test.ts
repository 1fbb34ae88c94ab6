/** Keys in the real app: from the page through the engine to the system's keychain, and no way back. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { expect, test, type Studio } from './studio.ts'

const value = 'sk-secret-0123456789'

/** What the page's own connection would get. */
async function ask(page: Page, method: string, input: object): Promise<{ output?: unknown; failure?: { message: string } }> {
  return page.evaluate(
    ([name, given]) =>
      new Promise((resolve) => {
        const port = (window as unknown as { __port: MessagePort }).__port
        const id = 1_000_000 + Math.floor(Math.random() * 1e9)
        port.addEventListener('message', ({ data }: MessageEvent<{ id?: number; output?: unknown; failure?: { message: string } }>) => {
          if (data.id === id) resolve(data)
        })
        port.postMessage({ id, method: name, input: given })
      }),
    [method, input] as const
  )
}

const keychainIs = ({ app }: Studio, backend: string): Promise<void> =>
  app.evaluate(({ safeStorage }, name) => {
    safeStorage.isEncryptionAvailable = () => true
    safeStorage.getSelectedStorageBackend = () => name as 'basic_text'
    safeStorage.setUsePlainTextEncryption(true) // a machine of tests has no keyring; what is kept is still no plain text
  }, backend)

test('a key is kept only where the system protects it, encrypted, and never given back', async ({ studio }) => {
  test.skip(process.platform !== 'linux', 'the keychain of the person who runs this stays as it is')
  const { page, folder } = studio
  const file = join(folder, 'data', 're-control-studio', 'keys.json')
  await page.getByRole('button', { name: 'Open the sample project' }).waitFor()
  await page.addInitScript(() => window.addEventListener('message', ({ data, ports }) => data === 'studio-port' && Object.assign(window, { __port: ports[0] })))
  await page.reload()
  await page.waitForFunction(() => '__port' in window)

  await keychainIs(studio, 'basic_text')
  expect(await ask(page, 'secret.list', {})).toMatchObject({ output: { safe: false, names: [] } })
  expect((await ask(page, 'secret.set', { name: 'openai', value })).failure?.message).toMatch(/no keychain.*RE_CONTROL_KEY_OPENAI/)
  expect(existsSync(file)).toBe(false)

  await keychainIs(studio, 'gnome_libsecret')
  expect(await ask(page, 'secret.set', { name: 'openai', value })).toMatchObject({ output: {} })
  const listed = await ask(page, 'secret.list', {})
  expect(listed).toMatchObject({ output: { safe: true, names: ['openai'] } })
  expect(JSON.stringify(listed)).not.toContain(value)
  expect(readFileSync(file, 'utf8')).not.toContain(value)
  const { openai } = JSON.parse(readFileSync(file, 'utf8')) as { openai: string }
  expect(await studio.app.evaluate(({ safeStorage }, cipher) => safeStorage.decryptString(Buffer.from(cipher, 'base64')), openai)).toBe(value)

  expect(await ask(page, 'secret.delete', { name: 'openai' })).toMatchObject({ output: {} })
  expect((await ask(page, 'secret.list', {})).output).toMatchObject({ names: [] })
})
