/**
 * Keys for endpoints, by name. In the app the system's keychain encrypts them, and what is on the disk is of no use
 * without it; where there is none they come from the environment, as RE_CONTROL_KEY_<NAME>, and none is kept.
 * A key is read where a request is made, and appears in no setting, row, log or message.
 */
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { keyName } from '../contract/reward.ts'
import { StudioError } from '../contract/errors.ts'
import { replaceFileSync } from './replace-file.ts'

/** Encrypts with a secret of the system's that only this user's session has. */
export interface Keychain {
  /** false where there is none, or it would only pretend to */
  safe(): Promise<boolean>
  /** @returns base64 */
  encrypt(text: string): Promise<string>
  decrypt(cipher: string): Promise<string>
}

/** name -> base64 of its cipher */
const keptKeys = z.record(keyName, z.base64())
const prefix = 'RE_CONTROL_KEY_'
// what a header can hold without a second meaning
const key = /^[\x21-\x7e]+$/

export class Secrets {
  readonly #file: string
  readonly #keychain: Keychain | null
  readonly #environment: NodeJS.ProcessEnv

  /** @param keychain null where there is no window */
  constructor(dataDirectory: string, keychain: Keychain | null, environment: NodeJS.ProcessEnv = process.env) {
    this.#file = join(dataDirectory, 'keys.json')
    this.#keychain = keychain
    this.#environment = environment
  }

  /** `names`: what is kept, and what the environment brings. */
  async list(): Promise<{ safe: boolean; names: string[] }> {
    const fromEnvironment = Object.keys(this.#environment).flatMap((variable) => (variable.startsWith(prefix) ? [variable.slice(prefix.length).toLowerCase()] : []))
    const names = [...(this.#keychain === null ? [] : Object.keys(this.#kept())), ...fromEnvironment]
    return { safe: this.#keychain !== null && (await this.#keychain.safe()), names: [...new Set(names)].sort() }
  }

  /** @throws StudioError 'not-usable' where there is no keychain; then nothing is kept */
  async set(name: string, value: string): Promise<void> {
    const trimmed = checked(name, value)
    if (this.#keychain === null || !(await this.#keychain.safe())) {
      throw new StudioError('not-usable', `this system has no keychain, so no key is kept on its disk; set ${variableOf(name)} in the environment instead`)
    }
    const cipher = await this.#keychain.encrypt(trimmed)
    this.#keep({ ...this.#kept(), [name]: cipher })
  }

  /** @throws StudioError 'not-found' */
  delete(name: string): void {
    const { [name]: _cipher, ...others } = this.#kept()
    if (!Object.hasOwn(this.#kept(), name)) throw new StudioError('not-found', `no key is kept as ${name}`)
    this.#keep(others)
  }

  /** @throws StudioError 'not-found', 'not-usable' when the keychain does not give it back */
  async read(name: string): Promise<string> {
    const kept = this.#keychain === null ? {} : this.#kept()
    const cipher = Object.hasOwn(kept, name) ? kept[name] : undefined
    if (cipher !== undefined && this.#keychain !== null) {
      const value = await this.#keychain.decrypt(cipher).catch(() => null)
      if (value === null) throw new StudioError('not-usable', `the system's keychain does not give the key ${name} back: keep it anew`)
      return value
    }
    const value = this.#environment[variableOf(name)]
    if (value !== undefined && value.trim() !== '') return checked(name, value)
    const where = this.#keychain === null ? `set ${variableOf(name)} in the environment` : `keep one of this name, or start the studio with ${variableOf(name)} in its environment`
    throw new StudioError('not-found', `there is no key ${name}: ${where}`)
  }

  #kept(): Record<string, string> {
    let text: string
    try {
      text = readFileSync(this.#file, 'utf8')
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {}
      throw error
    }
    try {
      return keptKeys.parse(JSON.parse(text))
    } catch {
      // not silently none: the next key would replace them all
      throw new StudioError('not-usable', `${this.#file} is damaged; move it away and keep the keys anew`)
    }
  }

  #keep(keys: Record<string, string>): void {
    mkdirSync(dirname(this.#file), { recursive: true })
    replaceFileSync(this.#file, `${JSON.stringify(keys, null, 2)}\n`, 0o600)
  }
}

/** Other programs that are started here have no business with them. */
export function withoutKeys(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith(prefix)))
}

/** "open-ai" is RE_CONTROL_KEY_OPEN_AI. */
function variableOf(name: string): string {
  return prefix + name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')
}

/** @throws StudioError 'bad-request', which does not repeat it */
function checked(name: string, value: string): string {
  const trimmed = value.trim()
  if (!key.test(trimmed)) throw new StudioError('bad-request', `the key ${name} holds spaces, line breaks or other characters that no key has`)
  return trimmed
}
