// The headers of exactly the llama.cpp whose libraries node-llama-cpp brings: structs are passed by value.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { runLogged } from './command.mjs'
import { stampMatches, writeStamp } from './fingerprint.mjs'
import { inRoot } from './paths.mjs'

export const title = 'llama.cpp headers'

const stamp = 'native/llama.cpp/.version'

export function nodeLlamaCppVersion() {
  const file = inRoot('node_modules/node-llama-cpp/package.json')
  try {
    return JSON.parse(readFileSync(file, 'utf8')).version
  } catch (error) {
    if (error.code === 'ENOENT') return null
    throw error
  }
}

export function ready() {
  const version = nodeLlamaCppVersion()
  return version !== null && stampMatches(stamp, version)
}

export async function prepare(_options, report) {
  const version = nodeLlamaCppVersion()
  const bundle = inRoot('node_modules/node-llama-cpp/llama/gitRelease.bundle')
  const destination = inRoot('native/llama.cpp')
  const clone = mkdtempSync(path.join(tmpdir(), 'llama.cpp-'))
  report.phase(`unpacking those of node-llama-cpp ${version}`)
  const git = (log, ...args) =>
    runLogged(log, 'git', args, {
      // A caller's repository must not be taken for the clone: git hooks set these.
      env: { GIT_DIR: undefined, GIT_WORK_TREE: undefined, GIT_INDEX_FILE: undefined },
      what: "Unpacking llama.cpp's headers failed",
      next: 'Check that git is installed, delete node_modules and try again.'
    })
  try {
    await git('llama-headers-clone', 'clone', '--quiet', '--no-checkout', bundle, clone)
    rmSync(destination, { recursive: true, force: true })
    mkdirSync(destination, { recursive: true })
    await git(
      'llama-headers-checkout',
      ...['-C', clone, `--work-tree=${destination}`],
      ...['checkout', '--quiet', 'HEAD', '--', 'include', 'ggml/include', 'LICENSE']
    )
  } finally {
    rmSync(clone, { recursive: true, force: true })
  }
  writeStamp(stamp, version)
}
