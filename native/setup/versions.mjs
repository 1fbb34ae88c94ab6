// `npm run check-versions`: whether everything that must be of one version is. Electron and node-llama-cpp are bumped in
// package.json alone (`npm install --package-lock-only --ignore-scripts`, then `npm run setup`); what follows from them is
// read from their packages, and this tells what did not follow.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { backendProblems } from './backends.mjs'
import { isStarted, root } from './paths.mjs'

// the platforms that the release workflow builds for
const electronPlatforms = ['linux-x64', 'linux-arm64', 'win32-x64', 'darwin-x64', 'darwin-arm64']

/** What native/binding.gyp compiles into the addon before the release's name. */
const addonMark = 'compiled with the headers of llama.cpp '

/** @param checkout its folder @returns a line for each thing that is not of the version that it should be */
export function versionProblems(checkout) {
  const read = (...parts) => readFileSync(path.join(checkout, ...parts))
  const json = (...parts) => JSON.parse(read(...parts).toString('utf8'))
  const has = (...parts) => existsSync(path.join(checkout, ...parts))
  const problems = []
  const same = (what, found, wanted) => {
    if (found !== wanted) problems.push(`${what} is ${found ?? 'missing'}, not ${wanted}`)
  }

  const manifest = json('package.json')
  const electron = manifest.devDependencies?.electron
  const llama = manifest.dependencies?.['node-llama-cpp']
  const locked = json('package-lock.json').packages
  for (const [name, version] of [['electron', electron], ['node-llama-cpp', llama]]) {
    if (!/^\d+\.\d+\.\d+$/.test(version ?? '')) problems.push(`package.json must name one version of ${name}, not ${version}`)
    same(`package-lock.json's ${name}`, locked[`node_modules/${name}`]?.version, version)
    same(`the installed ${name}`, has('node_modules', name, 'package.json') ? json('node_modules', name, 'package.json').version : undefined, version)
  }

  // a lockfile without some platform's libraries would leave that platform without a model
  const optional = Object.keys(locked['node_modules/node-llama-cpp']?.optionalDependencies ?? {})
  if (optional.length === 0) problems.push('package-lock.json names no llama.cpp libraries')
  for (const name of optional) {
    const entry = locked[`node_modules/${name}`]
    same(`package-lock.json's ${name}`, entry?.version, llama)
    if (entry !== undefined && entry.integrity === undefined) problems.push(`package-lock.json has no checksum of ${name}`)
  }

  // what an installed program may fetch
  problems.push(...backendProblems(checkout))

  // headers, addon and libraries: llama.cpp passes its structs by value, so one release's do not fit another's
  const sources = ['node_modules', 'node-llama-cpp', 'llama']
  if (has(...sources, 'llama.cpp.info.json')) {
    const release = json(...sources, 'llama.cpp.info.json').tag
    same("the llama.cpp release that node-llama-cpp's libraries are of", json(...sources, 'binariesGithubRelease.json').release, release)
    same('native/llama.cpp, the headers of node-llama-cpp', has('native', 'llama.cpp', '.version') ? read('native', 'llama.cpp', '.version').toString('utf8').trim() : undefined, llama)
    same('the addon, in native/build, for llama.cpp', releaseOfAddon(), release)
    for (const { name, file } of libraries()) same(`@node-llama-cpp/${name}`, JSON.parse(readFileSync(file, 'utf8')).buildOptions.llamaCpp.release, release)
  }

  if (has('node_modules', 'electron', 'dist', 'version')) {
    same("Electron's program in node_modules/electron/dist", read('node_modules', 'electron', 'dist', 'version').toString('utf8').trim().replace(/^v/, ''), electron)
  }
  if (has('node_modules', 'electron', 'checksums.json')) {
    const sums = json('node_modules', 'electron', 'checksums.json')
    for (const platform of electronPlatforms) {
      if (!/^[0-9a-f]{64}$/.test(sums[`electron-v${electron}-${platform}.zip`] ?? '')) problems.push(`Electron's package has no checksum of electron-v${electron}-${platform}.zip`)
    }
  }
  return problems

  function releaseOfAddon() {
    const file = ['native', 'build', 'Release', 're_control.node']
    if (!has(...file)) return undefined
    const bytes = read(...file)
    const at = bytes.indexOf(addonMark)
    if (at < 0) return 'of an unknown release'
    return bytes.subarray(at + addonMark.length, bytes.indexOf(0, at)).toString('utf8')
  }

  /** The libraries that are installed here, one folder a variant. */
  function libraries() {
    const scope = path.join(checkout, 'node_modules', '@node-llama-cpp')
    if (!existsSync(scope)) return []
    return readdirSync(scope).flatMap((name) => {
      const bins = path.join(scope, name, 'bins')
      const folders = existsSync(bins) ? readdirSync(bins) : []
      return folders.map((folder) => ({ name, file: path.join(bins, folder, '_nlcBuildMetadata.json') })).filter(({ file }) => existsSync(file))
    })
  }
}

if (isStarted(import.meta.url)) {
  const problems = versionProblems(root)
  for (const problem of problems) console.error(problem)
  console.log(problems.length === 0 ? 'Electron, node-llama-cpp, its libraries, the headers and the addon agree.' : `${problems.length} disagree. If package.json is right: npm run setup`)
  process.exitCode = problems.length === 0 ? 0 : 1
}
