/** Versions that must agree: those of this checkout do, and each that does not is told. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { versionProblems } from '../../native/setup/versions.mjs'
import { llamaPackage } from '../../native/setup/package-modules.mjs'

const root = resolve(import.meta.dirname, '..', '..')
const bins = join('node_modules', llamaPackage(), 'bins')
const files = [
  'package.json', 'package-lock.json', 'resources/backends.json', 'native/llama.cpp/.version', 'native/build/Release/re_control.node', bins,
  ...['package.json', 'llama/llama.cpp.info.json', 'llama/binariesGithubRelease.json'].map((file) => `node_modules/node-llama-cpp/${file}`),
  ...['package.json', 'checksums.json', 'dist/version'].map((file) => `node_modules/electron/${file}`)
]
let copy = ''

beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), 'versions-test-'))
  for (const file of files) {
    mkdirSync(dirname(join(copy, file)), { recursive: true })
    cpSync(join(root, file), join(copy, file), { recursive: true, filter: (from) => !from.endsWith('.so') })
  }
})
afterEach(() => rmSync(copy, { recursive: true, force: true }))

/** Replaces a text in a file of the copy. */
function change(file: string, from: string | RegExp, to: string): void {
  const text = readFileSync(join(copy, file), 'latin1')
  const changed = text.replace(from, to)
  if (changed === text) throw new Error(`${file} holds no ${from}`)
  writeFileSync(join(copy, file), changed, 'latin1')
}

test('this checkout agrees with itself', () => {
  expect(versionProblems(root)).toEqual([])
  expect(versionProblems(copy)).toEqual([])
})

test.each<[string, string, string | RegExp, string, RegExp]>([
  ['a range instead of a version', 'package.json', /"electron": "/, '"electron": "^', /one version of electron/],
  ['Electron bumped without an install', 'package.json', /"electron": "[\d.]+"/, '"electron": "99.0.0"', /installed electron is .* not 99\.0\.0/],
  ['Electron\'s program of another version', 'node_modules/electron/dist/version', /\d+/, '7', /Electron's program .* is 7\./],
  ['Electron\'s checksums of another version', 'node_modules/electron/checksums.json', /"electron-v([\d.]+)-darwin-arm64\.zip"/, '"electron-v1.2.3-darwin-arm64.zip"', /no checksum of electron-v.*-darwin-arm64/],
  ['headers that were not unpacked again', 'native/llama.cpp/.version', /.*/, '3.0.0', /native\/llama\.cpp, .* is 3\.0\.0/],
  ['an addon that was not compiled again', 'native/build/Release/re_control.node', /(headers of llama\.cpp )v\d/, '$1v9', /the addon, .* is v9\./],
  ['a lockfile without a platform', 'package-lock.json', '"node_modules/@node-llama-cpp/win-arm64"', '"node_modules/@node-llama-cpp/elsewhere"', /@node-llama-cpp\/win-arm64 is missing/],
  ['a backend to fetch of another version', 'resources/backends.json', /("linux-x64-vulkan": \{\s+"version": ")[\d.]+/, '$11.2.3', /backends\.json's linux-x64-vulkan is 1\.2\.3, not /],
  ['a backend to fetch of another checksum', 'resources/backends.json', /"sha512": "..../, '"sha512": "AAAA', /backends\.json's linux-x64-cuda has another checksum/],
  ['a backend of a lockfile that moved on', 'package-lock.json', /(linux-x64-cuda": \{\s+"version": ")[\d.]+/, '$19.9.9', /backends\.json's linux-x64-cuda is [\d.]+, not 9\.9\.9/],
  ['a bundle of other sources than the libraries', 'node_modules/node-llama-cpp/llama/llama.cpp.info.json', /"tag": "v\d/, '"tag": "v9', /libraries are of/]
])('%s is found', (_what, file, from, to, problem) => {
  change(file, from, to)
  expect(versionProblems(copy)).toContainEqual(expect.stringMatching(problem))
})

test('libraries of another release are found', () => {
  const [folder = ''] = readdirSync(join(copy, bins))
  change(join(bins, folder, '_nlcBuildMetadata.json'), /"release":"[^"]+"/, '"release":"v0.0.1"')
  expect(versionProblems(copy)).toContainEqual(expect.stringMatching(/^@node-llama-cpp\/.* is v0\.0\.1, not v/))
})
