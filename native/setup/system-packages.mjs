// What Linux itself must provide: the libraries Electron links to, a compiler, and for tests a display.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { runLogged, SetupFailure } from './command.mjs'
import { inRoot } from './paths.mjs'

export const title = 'System packages'

const needs = [
  {
    missing: () => missingLibraries().length > 0,
    packages: {
      'apt-get': ['libgtk-3-0', 'libnss3', 'libgbm1', 'libasound2'],
      dnf: ['gtk3', 'nss', 'mesa-libgbm', 'alsa-lib'],
      pacman: ['gtk3', 'nss', 'mesa', 'alsa-lib']
    }
  },
  {
    missing: () => !['g++', 'make', 'python3', 'git'].every(onPath),
    packages: {
      'apt-get': ['build-essential', 'python3', 'git'],
      dnf: ['gcc-c++', 'make', 'python3', 'git'],
      pacman: ['base-devel', 'python', 'git']
    }
  },
  {
    onlyForTests: true,
    missing: () => !onPath('Xvfb') || !anyFont(),
    packages: {
      'apt-get': ['xvfb', 'fonts-dejavu-core'],
      dnf: ['xorg-x11-server-Xvfb', 'dejavu-sans-fonts'],
      pacman: ['xorg-server-xvfb', 'ttf-dejavu']
    }
  }
]

const installCommand = {
  'apt-get': 'apt-get install -y --no-install-recommends',
  dnf: 'dnf install -y',
  pacman: 'pacman -S --noconfirm'
}

export function ready({ test }) {
  return process.platform !== 'linux' || unmet(test).length === 0
}

export async function prepare({ test }, report) {
  const tool = Object.keys(installCommand).find(onPath)
  const packages = unmet(test).flatMap((need) => need.packages[tool] ?? need.packages['apt-get'])
  const byHand = `${installCommand[tool ?? 'apt-get']} ${packages.join(' ')}`
  if (tool !== 'apt-get' || process.getuid() !== 0) {
    throw new SetupFailure(`This system lacks packages that the app needs. Please run: sudo ${byHand}`)
  }
  const apt = (log, args, what) =>
    runLogged(log, 'apt-get', args, {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
      what,
      next: `Please run it by hand: apt-get update && ${byHand}`
    })
  report.phase('reading the package lists')
  await apt('apt-update', ['update'], 'apt-get update failed')
  report.phase(`installing ${packages.join(' ')}`)
  await apt(
    'apt-install',
    ['install', '-y', '--no-install-recommends', ...packages.map(nameHere)],
    'apt-get install failed'
  )
  if (unmet(test).length > 0) {
    const names = missingLibraries().join(' ') || 'a compiler or a display'
    throw new SetupFailure(`Still missing after installing ${packages.join(' ')}: ${names}. Please install it by hand.`)
  }
}

function unmet(test) {
  return needs.filter((need) => (test || !need.onlyForTests) && need.missing())
}

/** Shared libraries that the dynamic linker cannot find for Electron's binary. */
function missingLibraries() {
  const { stdout } = spawnSync('ldd', [inRoot('node_modules/electron/dist/electron')], { encoding: 'utf8' })
  return [...(stdout ?? '').matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1])
}

function onPath(program) {
  return (process.env.PATH ?? '').split(path.delimiter).some((directory) => existsSync(path.join(directory, program)))
}

function anyFont() {
  return ['/usr/share/fonts', '/usr/local/share/fonts'].some(
    (directory) => existsSync(directory) && readdirSync(directory, { recursive: true }).some((file) => /\.(ttf|otf|pfb)$/.test(file))
  )
}

// Debian 13 and Ubuntu 24.04 renamed libraries for 64-bit time; the old name of libasound2 no longer resolves.
function nameHere(name) {
  try {
    execFileSync('apt-cache', ['show', '--quiet', `${name}t64`], { stdio: 'ignore' })
    return `${name}t64`
  } catch {
    return name
  }
}
