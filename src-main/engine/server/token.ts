/** The server's token: kept by the system's keychain where there is one, otherwise made anew a session. */
import { randomBytes } from 'node:crypto'
import { StudioError } from '../../contract/errors.ts'
import type { Secrets } from '../secrets.ts'

/** the name that it is kept under, beside the keys for endpoints */
export const tokenName = 'local-server'

export class ServerToken {
  readonly #secrets: Secrets
  #token: Promise<string> | null = null
  #kept = false

  constructor(secrets: Secrets) {
    this.#secrets = secrets
  }

  /** Whether it will be the same the next time. */
  get kept(): boolean {
    return this.#kept
  }

  get(): Promise<string> {
    return (this.#token ??= this.#read())
  }

  /** The old one is of no use from now on. */
  renew(): Promise<string> {
    return (this.#token = this.#make())
  }

  /** For this session, instead of any other. */
  use(token: string): void {
    this.#token = Promise.resolve(token)
    this.#kept = false
  }

  async #read(): Promise<string> {
    try {
      const token = await this.#secrets.read(tokenName)
      this.#kept = true
      return token
    } catch (error) {
      if (!(error instanceof StudioError)) throw error
      return this.#make()
    }
  }

  async #make(): Promise<string> {
    const token = `rcs-${randomBytes(32).toString('base64url')}`
    this.#kept = await this.#secrets.set(tokenName, token).then(() => true, () => false)
    return token
  }
}
