/** The hub of our own as the app's hub, for the tests of a file or of a describe, with a cache directory of their own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openHub, type Hub } from '../fixtures/hub.ts'
import { test } from './studio.ts'

/** @param take is given both before the first of these tests */
export function withHub(take: (hub: Hub, cache: string) => unknown): void {
  let hub: Hub
  let cache: string
  test.beforeAll(async () => {
    hub = await openHub()
    cache = mkdtempSync(join(tmpdir(), 're-control-e2e-cache-'))
    process.env['HF_ENDPOINT'] = hub.url
    process.env['XDG_CACHE_HOME'] = cache
    take(hub, cache)
  })
  test.afterAll(async () => {
    delete process.env['HF_ENDPOINT']
    delete process.env['XDG_CACHE_HOME']
    rmSync(cache, { recursive: true, force: true })
    await hub.close()
  })
}
