/**
 * What the log may hold. Every entry is made of words of the program's own, numbers and codes: no text of data, models or
 * people, no file's name and no key can be put into one.
 */
import type { Backend } from './device.ts'
import type { FailureCode } from './errors.ts'
import type { JobKind, JobState } from './job.ts'

export type LogEntry =
  | { what: 'app started'; version: string; electron: string; system: string; memoryGb: number }
  | { what: 'app quits' }
  | { what: 'engine started'; attempt: number }
  | { what: 'engine ended'; reason: string; livedSeconds: number }
  | { what: 'engine given up'; deaths: number }
  | { what: 'engine hangs' }
  | { what: 'engine answers again' }
  | { what: 'model host started'; host: number }
  | { what: 'model host ended'; host: number; reason: string; livedSeconds: number }
  | { what: 'window crashed'; reason: string; code: number }
  | { what: 'window hangs' }
  | { what: 'window answers again' }
  | { what: 'model loaded'; backend: Backend; device: string; build: string; gpuLayers: number; layers: number; threads: number }
  | { what: 'orphans swept'; removed: number; bytes: number; setAside: number }
  | { what: 'job ended'; job: number; kind: JobKind; state: JobState; code: FailureCode | null; at: string[] }
  | { what: 'request failed'; method: string; code: FailureCode; at: string[] }
  | { what: 'unforeseen'; process: 'app' | 'engine'; at: string[] }

/**
 * Where an error came from, without what it says: an error's message can repeat what was in a file. Of each frame the
 * function, and the file's last name with line and column.
 * @param details an error's stack, as failures carry it
 */
export function framesOf(details: string | undefined): string[] {
  const frames: string[] = []
  // from the end, as a message of several lines could look like a frame
  for (const line of (details ?? '').split('\n').reverse()) {
    const [, caller, place] = /^ {4}at (?:(?:async |new )*([\w.$#<>]+) (?:\[as \w+\] )?\(?)?(?:file:\/\/|node:|\/|[A-Z]:\\)(?:[^\s()]*[/\\])?([\w.-]+:\d+(?::\d+)?)\)?$/.exec(line) ?? []
    if (place === undefined) break
    frames.unshift(caller === undefined ? place : `${caller} ${place}`)
  }
  return frames.slice(0, 8)
}
