/** Files that a person drops on the window. */
import { notices } from './notices.svelte.ts'

declare global {
  interface Window {
    /** from the preload script */
    droppedFiles: { pathOf(file: File): string }
  }
}

/** The path of the file that was dropped, or null with a notice where there is not exactly one on this machine. */
export function droppedPath(transfer: DataTransfer): string | null {
  const [file, ...others] = transfer.files
  if (file === undefined) return null
  if (others.length > 0) {
    notices.add('warning', `${others.length + 1} files were dropped; please import one at a time.`)
    return null
  }
  const path = window.droppedFiles.pathOf(file)
  if (path === '') {
    notices.add('warning', `${file.name} is not a file on this machine.`)
    return null
  }
  return path
}
