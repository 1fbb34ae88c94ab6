// Which npm packages the built program is made of, found from what it imports: those that go into a package as they
// are, and those that are bundled into the window and the processes.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import path from 'node:path'
import { inRoot } from './paths.mjs'

// tar-stream and streamx name them for the Bare runtime, whose code paths node never takes.
const forOtherRuntimes = /^bare-/

/** The package of this platform's llama.cpp libraries; on Macs with Apple silicon it holds Metal too. */
export function llamaPackage(platform = process.platform, arch = process.arch) {
  if (platform === 'darwin') return `@node-llama-cpp/mac-${arch === 'arm64' ? 'arm64-metal' : arch}`
  return `@node-llama-cpp/${platform === 'win32' ? 'win' : platform}-${arch === 'arm' ? 'armv7l' : arch}`
}

/** Packages that the processes import at run time, with what they need: [{name, directory, manifest}]; `directory` within the checkout. */
export function shippedModules() {
  return closure(importedByMain())
}

/** Packages that are bundled into the window or into the processes, in whole or in part. */
export function bundledModules() {
  const { dependencies } = readManifest(inRoot())
  const shipped = new Set(importedByMain())
  // node-llama-cpp only brings the libraries; svelte's compiler is development, its runtime is not
  return closure(['svelte', ...Object.keys(dependencies).filter((name) => !shipped.has(name) && name !== 'node-llama-cpp')])
}

/** Names of packages in the import statements of the built main processes. */
function importedByMain() {
  const built = inRoot('out', 'main')
  const names = readdirSync(built)
    .filter((file) => file.endsWith('.js'))
    .flatMap((file) => {
      const code = readFileSync(path.join(built, file), 'utf8')
      return [...code.matchAll(/^(?:import|export) (?:[^"'\n]* from )?["']([^"']+)["'];?$/gm), ...code.matchAll(/\bimport\(["']([^"']+)["']\)/g)]
    })
    .map(([, specifier]) => specifier)
    .filter((specifier) => !/^[./]/.test(specifier) && !isBuiltin(specifier) && specifier !== 'electron')
    .map((specifier) => specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/'))
  return [...new Set(names)].sort()
}

function closure(names) {
  const found = new Map()
  const visit = (name, from, optional) => {
    if (forOtherRuntimes.test(name)) return
    const directory = resolve(name, from)
    if (directory === null) {
      if (optional) return
      throw new Error(`the package ${name}, which ${from || 'the program'} needs, is not installed`)
    }
    if (found.has(directory)) return
    const manifest = readManifest(inRoot(directory))
    found.set(directory, { name, directory, manifest })
    for (const other of Object.keys(manifest.dependencies ?? {})) visit(other, directory, false)
    for (const other of Object.keys(manifest.optionalDependencies ?? {})) visit(other, directory, true)
  }
  for (const name of names) visit(name, '', false)
  return [...found.values()].sort((a, b) => (a.directory < b.directory ? -1 : 1))
}

/** As node resolves: beside the package that asks, then further up. */
function resolve(name, from) {
  const above = [from]
  while (above[0] !== '') above.unshift(above[0].slice(0, Math.max(0, above[0].lastIndexOf('/node_modules/'))))
  return above.map((directory) => path.posix.join(directory, 'node_modules', name)).findLast((candidate) => existsSync(inRoot(candidate, 'package.json'))) ?? null
}

export function readManifest(directory) {
  return JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8'))
}
