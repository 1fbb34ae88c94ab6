// The app itself, bundled from its sources into out/.
import { existsSync, readdirSync } from 'node:fs'
import { runLogged } from './command.mjs'
import { fingerprint, stampMatches, writeStamp } from './fingerprint.mjs'
import { inRoot } from './paths.mjs'

export const title = 'App'

export const cliPath = inRoot('out/main/cli.js')
const stamp = 'out/.fingerprint'

export function ready() {
  return ['out/main/app.js', 'out/main/cli.js'].every((file) => existsSync(inRoot(file))) && stampMatches(stamp, sources())
}

export async function prepare(_options, report) {
  // Taken before building: a source saved meanwhile makes the stamp differ and is built next time.
  const built = sources()
  report.phase('building')
  await runLogged('app', process.execPath, [inRoot('node_modules/electron-vite/bin/electron-vite.js'), 'build'], {
    what: 'Building the app failed',
    next: 'If the sources are unchanged, delete node_modules and try again.'
  })
  writeStamp(stamp, built)
}

function sources() {
  const wrapper = readdirSync(inRoot('native')).filter((file) => file.endsWith('.ts'))
  return fingerprint([
    ...['src-main', 'src-renderer', 'resources', 'electron.vite.config.ts'],
    ...['tsconfig.json', 'package.json', 'package-lock.json'],
    ...wrapper.map((file) => `native/${file}`)
  ])
}
