// The npm packages of package-lock.json.
import { existsSync, readFileSync } from 'node:fs'
import { runLogged } from './command.mjs'
import { npmCommand } from './npm.mjs'
import { inRoot } from './paths.mjs'

export const title = 'Packages'

/** npm writes node_modules/.package-lock.json last, and it lists what is installed: compare it with the lockfile. */
export function ready() {
  const installed = lockedPackages('node_modules/.package-lock.json')
  if (installed === null) return false
  return Object.entries(lockedPackages('package-lock.json')).every(([where, wanted]) => {
    const found = installed[where]
    // Optional packages are mostly other platforms' binaries, and rightly absent.
    return found ? found.version === wanted.version : wanted.optional || wanted.devOptional
  })
}

export async function prepare(_options, report) {
  const expected = Object.entries(lockedPackages('package-lock.json'))
    .filter(([, entry]) => isForThisMachine(entry.os, process.platform) && isForThisMachine(entry.cpu, process.arch))
    .map(([where]) => inRoot(where, 'package.json'))
  report.phase(`installing ${expected.length} packages`)
  const [command, ...leading] = npmCommand()
  // No package needs its install script: binaries come as packages, Electron's has its own step, and
  // node-llama-cpp's script would try to fetch and compile llama.cpp.
  await runLogged('packages', command, [...leading, 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    what: 'Installing the npm packages failed',
    next: 'Check the network and try again.',
    watch() {
      const share = expected.filter((file) => existsSync(file)).length / expected.length
      report.update(`installing ${expected.length} packages, ${Math.round(100 * share)} %`)
    }
  })
}

function lockedPackages(file) {
  try {
    const { '': _root, ...packages } = JSON.parse(readFileSync(inRoot(file), 'utf8')).packages
    return packages
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return null
    throw error
  }
}

// npm's `os` and `cpu` lists name what is supported, or with a "!" what is not.
function isForThisMachine(list, name) {
  if (!list) return true
  return list.includes(name) || (list.every((entry) => entry.startsWith('!')) && !list.includes(`!${name}`))
}
