// resources/backends.json: the packages of llama.cpp's further backends (CUDA, Vulkan), which an installed program can
// fetch. Their checksums are package-lock.json's, their sizes are asked of the registry when the lockfile has others.
import { readFileSync, writeFileSync } from 'node:fs'
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { SetupFailure } from './command.mjs'
import { npmCommand } from './npm.mjs'
import { inRoot, root } from './paths.mjs'

export const title = 'Backends'

const scope = '@node-llama-cpp/'
const further = /-(cuda|cuda-ext|vulkan)$/
const askMs = 60_000

/** What package-lock.json says of them. @returns version and SHA-512 (base64) of each, by its name without the scope */
export function lockedBackends(checkout) {
  const { packages } = JSON.parse(readFileSync(path.join(checkout, 'package-lock.json'), 'utf8'))
  const names = Object.keys(packages['node_modules/node-llama-cpp']?.optionalDependencies ?? {}).filter((name) => name.startsWith(scope) && further.test(name))
  return new Map(
    names.sort().map((name) => {
      const { version, integrity = '' } = packages[`node_modules/${name}`] ?? {}
      return [name.slice(scope.length), { version, sha512: integrity.replace(/^sha512-/, '') }]
    })
  )
}

/** @returns a line for each package of resources/backends.json that is not the one of package-lock.json */
export function backendProblems(checkout) {
  const file = path.join(checkout, 'resources', 'backends.json')
  let kept
  try {
    kept = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    return [`resources/backends.json cannot be read: ${error.message}`]
  }
  const locked = lockedBackends(checkout)
  const problems = Object.keys(kept).filter((name) => !locked.has(name)).map((name) => `resources/backends.json names ${name}, which package-lock.json does not`)
  for (const [name, { version, sha512 }] of locked) {
    const found = kept[name]
    if (found?.version !== version) problems.push(`resources/backends.json's ${name} is ${found?.version ?? 'missing'}, not ${version}`)
    else if (found.sha512 !== sha512) problems.push(`resources/backends.json's ${name} has another checksum than package-lock.json`)
    else if (!(found.bytes > 0)) problems.push(`resources/backends.json's ${name} has no size`)
  }
  return problems
}

export function ready() {
  return backendProblems(root).length === 0
}

export async function prepare(_options, report) {
  const locked = lockedBackends(root)
  const found = {}
  for (const [name, { version, sha512 }] of locked) {
    report.phase(`asking for the size of ${name}`)
    found[name] = { version, bytes: await sizeOf(`${scope}${name}@${version}`), sha512 }
  }
  writeFileSync(inRoot('resources', 'backends.json'), `${JSON.stringify(found, null, 2)}\n`)
}

/** Bytes of a package's tarball. @throws SetupFailure */
async function sizeOf(name) {
  try {
    const [command, ...leading] = npmCommand()
    const { stdout } = await promisify(execFile)(command, [...leading, 'view', name, 'dist.tarball', '--loglevel=error'], { timeout: askMs })
    const reply = await fetch(stdout.trim(), { method: 'HEAD', signal: AbortSignal.timeout(askMs) })
    const bytes = Number(reply.headers.get('content-length'))
    if (!reply.ok || !(bytes > 0)) throw new Error(`its registry answers with status ${reply.status} and no size`)
    return bytes
  } catch (error) {
    throw new SetupFailure(`resources/backends.json is not of package-lock.json's versions, and the size of ${name} could not be asked: ${error.message.split('\n')[0]}. Check the network and try again.`)
  }
}
