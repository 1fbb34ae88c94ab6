/** What has come of a file so far, in a .part file beside its place. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { statOf } from '../../files.ts'

/** What the file must be. */
export interface Expected {
  bytes: number
  /** of the content; git's own hash puts "blob <bytes>\0" before it. null where nobody says it */
  checksum: { algorithm: 'sha256' | 'sha512' | 'git-sha1'; hex: string } | null
}

/** It is named by the checksum: another version of the file begins another one. Without one its ETag tells them apart. */
export class Part {
  readonly path: string
  readonly #etagPath: string

  constructor(place: string, { checksum }: Expected) {
    mkdirSync(dirname(place), { recursive: true })
    this.path = `${place}.${checksum?.hex.slice(0, 16) ?? 'unchecked'}.part`
    this.#etagPath = `${this.path}.etag`
  }

  get bytes(): number {
    return statOf(this.path)?.size ?? 0
  }

  /** Of the answer that it came from; null where there was none that can be relied on. */
  get etag(): string | null {
    return existsSync(this.#etagPath) ? readFileSync(this.#etagPath, 'utf8') : null
  }

  begin(etag: string | null): void {
    writeFileSync(this.path, '')
    if (etag === null || !/^"[\x21-\x7e]*"$/.test(etag)) rmSync(this.#etagPath, { force: true }) // a weak one says nothing about bytes
    else writeFileSync(this.#etagPath, etag)
  }

  discard(): void {
    for (const path of [this.path, this.#etagPath]) rmSync(path, { force: true })
  }
}
