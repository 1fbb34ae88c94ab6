/** The system's dialog that chooses a file. */
import { call } from './connection.ts'
import { notices } from './notices.svelte.ts'

export async function chooseFile(title: string, extensions: string[]): Promise<string | null> {
  return (await notices.guard(() => call('dialog.file', { title, extensions }))) ?? null
}
