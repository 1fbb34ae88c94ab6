/** Keys: kept as ciphers of the system's keychain, or taken from the environment; never in the clear on the disk. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { methods } from '../../src-main/contract/methods.ts'
import { Secrets, withoutKeys, type Keychain } from '../../src-main/engine/secrets.ts'
import { ownDirectory } from './studio.ts'

/** What Electron's safeStorage does: a cipher under a key that is not on the disk. */
function keychain(safe = true): Keychain {
  const master = randomBytes(32)
  return {
    safe: () => Promise.resolve(safe),
    encrypt: (text) => {
      const iv = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', master, iv)
      const encrypted = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Promise.resolve(Buffer.concat([iv, cipher.getAuthTag(), encrypted]).toString('base64'))
    },
    decrypt: async (text) => {
      const bytes = Buffer.from(text, 'base64')
      const decipher = createDecipheriv('aes-256-gcm', master, bytes.subarray(0, 12))
      decipher.setAuthTag(bytes.subarray(12, 28))
      return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8')
    }
  }
}

const value = 'sk-0123456789-secret'

test('kept keys are read back by name, after a restart too, and are no text on the disk', async () => {
  const directory = ownDirectory()
  const system = keychain()
  const secrets = new Secrets(directory, system, {})
  expect(await secrets.list()).toEqual({ safe: true, names: [] })
  await secrets.set('openai', ` ${value}\n`)
  await secrets.set('cluster', 'another')
  expect(await secrets.read('openai')).toBe(value)
  const again = new Secrets(directory, system, {})
  expect(await again.list()).toEqual({ safe: true, names: ['cluster', 'openai'] })
  expect(await again.read('openai')).toBe(value)
  expect(readdirSync(directory)).toEqual(['keys.json'])
  expect(readFileSync(join(directory, 'keys.json'), 'utf8')).not.toContain(value)
  if (process.platform !== 'win32') expect(statSync(join(directory, 'keys.json')).mode & 0o777).toBe(0o600)
  again.delete('openai')
  expect((await again.list()).names).toEqual(['cluster'])
  await expect(again.read('openai')).rejects.toThrow(/there is no key openai/)
  expect(() => again.delete('openai')).toThrow(/no key is kept as openai/)
})

test('without a keychain that protects anything no key is kept, and the message names the other way', async () => {
  for (const system of [null, keychain(false)]) {
    const directory = ownDirectory()
    const secrets = new Secrets(directory, system, { RE_CONTROL_KEY_OPEN_AI: value })
    await expect(secrets.set('other-one', value)).rejects.toThrow(/no keychain.*set RE_CONTROL_KEY_OTHER_ONE in the environment/)
    expect(readdirSync(directory)).toEqual([])
    expect(await secrets.list()).toEqual({ safe: false, names: ['open_ai'] })
    expect(await secrets.read('open_ai')).toBe(value)
    expect(await secrets.read('open-ai')).toBe(value)
    await expect(secrets.read('mine')).rejects.toThrow(/RE_CONTROL_KEY_MINE/)
  }
})

test('another system cannot read them, and says so', async () => {
  const directory = ownDirectory()
  await new Secrets(directory, keychain(), {}).set('openai', value)
  await expect(new Secrets(directory, keychain(), {}).read('openai')).rejects.toThrow(/does not give the key openai back: keep it anew/)
})

test.each(['{', '[]', '{"a": 1}', '{"openai": "not base64!"}'])('a damaged file %j is not taken for an empty one: no key in it is lost by keeping another', async (text) => {
  const directory = ownDirectory()
  writeFileSync(join(directory, 'keys.json'), text)
  const secrets = new Secrets(directory, keychain(), {})
  await expect(secrets.set('openai', value)).rejects.toThrow(/keys\.json is damaged/)
  expect(readFileSync(join(directory, 'keys.json'), 'utf8')).toBe(text)
})

test.each(['two words', 'line\nbreak', 'ключ', ' ', '\0'])('%j is no key, and is not repeated', async (bad) => {
  const kept = new Secrets(ownDirectory(), keychain(), { RE_CONTROL_KEY_BAD: bad })
  for (const attempt of [kept.set('new', bad), kept.read('bad')]) {
    const error = await attempt.then(() => null, (thrown: Error) => thrown)
    expect(error?.message).toMatch(/holds spaces|there is no key/)
    if (bad.trim() !== '') expect(error?.message).not.toContain(bad)
  }
})

test('a key that is given as a name is refused by the contract, without repeating it', () => {
  const { error } = methods['secret.set'].input.safeParse({ name: 'sk-proj-0123456789abcdefgh', value })
  expect(error?.message).toMatch(/looks like a key itself/)
  expect(error?.message).not.toContain('0123456789')
  for (const name of ['openai', 'my.cluster-2', 'sk', 'key_of_the_lab', '__proto__', 'constructor']) expect(methods['secret.set'].input.safeParse({ name, value }).success, name).toBe(true)
})

test('names that every object has are names like others', async () => {
  const secrets = new Secrets(ownDirectory(), keychain(), {})
  for (const name of ['constructor', 'toString']) {
    await expect(secrets.read(name)).rejects.toThrow(/there is no key/)
    await secrets.set(name, value)
    expect(await secrets.read(name)).toBe(value)
  }
})

test('programs that are started do not get them', () => {
  expect(withoutKeys({ PATH: '/bin', RE_CONTROL_KEY_A: 'x' })).toEqual({ PATH: '/bin' })
})
