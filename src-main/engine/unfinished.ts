/**
 * Where a file or a folder is made until it is whole and takes its place: beside that place, under a name that tells which
 * process makes it. So what a killed process left is known from what another is still writing.
 */
import { readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

let made = 0

/** A free name beside `place`. What processes that are gone left there of the same place is removed. */
export function unfinishedBeside(place: string): string {
  removeLeftBehind(place)
  return `${place}.${process.pid}-${++made}.part`
}

function removeLeftBehind(place: string): void {
  const [folder, start] = [dirname(place), `${basename(place)}.`]
  for (const name of namesIn(folder)) {
    const pid = name.startsWith(start) ? /^(\d+)-\d+\.part$/.exec(name.slice(start.length))?.[1] : undefined
    if (pid !== undefined && !isThere(Number(pid))) rmSync(join(folder, name), { recursive: true, force: true })
  }
}

/** Nothing where the folder cannot be read: writing into it says why. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
