/** The native dialogs that the engine asks for. */
import { BrowserWindow, dialog, shell } from 'electron'
import { z } from 'zod'
import { methods } from '../contract/methods.ts'
import type { ShellQuestion } from '../engine/supervisor-port.ts'

/** @returns the chosen path, or null when the person cancels. @throws Error for anything else than the questions of the contract */
export async function answerQuestion(window: BrowserWindow | null, { method, input }: ShellQuestion): Promise<string | null> {
  if (method === 'open-file') {
    // a report; what else a path may be the system would run
    const { path } = z.object({ path: z.string().regex(/\.html$/) }).parse(input)
    const problem = await shell.openPath(path)
    if (problem !== '') throw new Error(`${path} could not be opened: ${problem}`)
    return null
  }
  if (window === null) return null
  if (method === 'dialog.directory') {
    const { title } = methods['dialog.directory'].input.parse(input)
    return first(await dialog.showOpenDialog(window, { title, properties: ['openDirectory', 'createDirectory'] }))
  }
  if (method === 'dialog.file') {
    const { title, extensions } = methods['dialog.file'].input.parse(input)
    return first(await dialog.showOpenDialog(window, { title, properties: ['openFile'], filters: [{ name: title, extensions }, { name: 'All files', extensions: ['*'] }] }))
  }
  if (method === 'dialog.save') {
    const { title, name, extensions } = methods['dialog.save'].input.parse(input)
    const { canceled, filePath } = await dialog.showSaveDialog(window, { title, defaultPath: name, filters: [{ name: title, extensions }] })
    return canceled ? null : filePath
  }
  throw new Error(`the app has no answer to ${method}`)
}

function first({ canceled, filePaths }: { canceled: boolean; filePaths: string[] }): string | null {
  return canceled ? null : (filePaths[0] ?? null)
}
