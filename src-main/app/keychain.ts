/** The system's keychain, which only Electron's main process has: it encrypts the keys that the engine keeps. */
import { safeStorage } from 'electron'
import { z } from 'zod'
import type { ShellQuestion } from '../engine/supervisor-port.ts'

const text = z.object({ text: z.string() })
const cipher = z.object({ cipher: z.base64() })

export function isKeychainQuestion({ method }: ShellQuestion): boolean {
  return method.startsWith('keychain.')
}

/** @throws Error for anything else than the three questions, or when the keychain refuses */
export function answerKeychain({ method, input }: ShellQuestion): boolean | string {
  if (method === 'keychain.safe') return isSafe()
  if (!isSafe()) throw new Error('this system has no keychain')
  if (method === 'keychain.encrypt') return safeStorage.encryptString(text.parse(input).text).toString('base64')
  if (method === 'keychain.decrypt') return safeStorage.decryptString(Buffer.from(cipher.parse(input).cipher, 'base64'))
  throw new Error(`the keychain has no answer to ${method}`)
}

/** Without a keyring Linux encrypts with a password that is in Chromium's source. */
function isSafe(): boolean {
  if (!safeStorage.isEncryptionAvailable()) return false
  return process.platform !== 'linux' || !['basic_text', 'unknown'].includes(safeStorage.getSelectedStorageBackend())
}
