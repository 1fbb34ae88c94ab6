/** Keys in the real app: from the page through the engine to the system's keychain, and no way back. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ask, takePort } from './port.ts'
import { expect, test, type Studio } from './studio.ts'

const value = 'sk-secret-0123456789'

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
  await takePort(page)

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
