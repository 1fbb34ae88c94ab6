/** The licences of everything that goes into a package. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { isPermissive, licenceOf, refusedLicences, thirdPartyNotices } from '../../native/setup/package-licences.mjs'
import { bundledModules, shippedModules } from '../../native/setup/package-modules.mjs'

const folder = mkdtempSync(join(tmpdir(), 'licences-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

const shipped = shippedModules()
const bundled = bundledModules()

test('all that ships may be shipped, and the notice names it', () => {
  expect(refusedLicences([...shipped, ...bundled])).toEqual([])
  const notices = thirdPartyNotices(shipped, bundled)
  for (const { name, manifest } of [...shipped, ...bundled]) expect(notices).toContain(`\n${name} ${String(manifest.version)}\nLicence: `)
  for (const name of ['Electron', 'llama.cpp and ggml', 'LICENSES.chromium.html', 'AFINN', 'TinyLlama', 'all-MiniLM-L6-v2']) expect(notices).toContain(name)
})

test('what the processes import is found, with what that needs, and nothing of node-llama-cpp\'s own', () => {
  const names = shipped.map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(['better-sqlite3', 'electron-updater', 'builder-util-runtime']))
  expect(names).not.toContain('node-llama-cpp')
  expect(names).not.toContain('svelte')
  expect(bundled.map(({ name }) => name)).toEqual(expect.arrayContaining(['svelte', 'bits-ui', 'chart.js', '@floating-ui/dom', 'zod', 'tar-stream', 'streamx']))
})

test.each<[string | null, boolean]>([
  ['MIT', true], ['(MIT OR GPL-3.0-only)', true], ['Apache-2.0 AND MIT', true], ['BlueOak-1.0.0', true],
  ['GPL-3.0-only', false], ['MIT AND AGPL-3.0', false], ['LGPL-2.1', false], ['UNLICENSED', false], ['CC-BY-NC-4.0', false], [null, false]
])('%s: %s', (licence, allowed) => {
  expect(isPermissive(licence)).toBe(allowed)
})

test('a package with another licence, or none, is refused by name', () => {
  const manifest = { version: '1.0.0' }
  const given = (name: string, license?: string) => ({ name, directory: folder, manifest: { ...manifest, license } })
  expect(refusedLicences([given('taken', 'GPL-3.0-only'), given('silent')])).toEqual(['taken 1.0.0: GPL-3.0-only', 'silent 1.0.0: no licence stated'])
  writeFileSync(join(folder, 'LICENSE'), 'MIT License\n\nCopyright (c) Ada\n')
  expect(licenceOf(given('silent'))).toBe('MIT')
})
