// The C++ addon that steers the model: one Node-API binary, for node and Electron alike.
import { existsSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { runLogged } from './command.mjs'
import { fingerprint, stampMatches, writeStamp } from './fingerprint.mjs'
import { nodeLlamaCppVersion } from './llama-headers.mjs'
import { inRoot } from './paths.mjs'

export const title = 'Addon'

export const addonPath = inRoot('native/build/Release/re_control.node')
const stamp = 'native/build/.fingerprint'

export function ready() {
  return existsSync(addonPath) && stampMatches(stamp, sources())
}

export async function prepare(_options, report) {
  // Taken before compiling: a source saved meanwhile makes the stamp differ and is compiled next time.
  const compiled = sources()
  report.phase('compiling')
  const gyp = inRoot('node_modules/node-gyp/bin/node-gyp.js')
  const headers = localNodeHeaders()
  // Not `rebuild`: compiling only what changed takes a second instead of many.
  const args = [gyp, 'configure', 'build', `--directory=${inRoot('native')}`, '--jobs=max']
  await runLogged('addon', process.execPath, headers ? [...args, `--nodedir=${headers}`] : args, {
    what: 'Compiling the addon failed',
    next: {
      darwin: 'It needs the Xcode command line tools: xcode-select --install.',
      win32: 'It needs Python 3 and the Visual Studio Build Tools with "Desktop development with C++".'
    }[process.platform] ?? 'It needs g++, make and python3.'
  })
  writeStamp(stamp, compiled)
}

function sources() {
  const facts = [nodeLlamaCppVersion(), process.platform, process.arch]
  return fingerprint(['native/src', 'native/binding.gyp'], facts)
}

/** Where node's own headers lie beside it, as most installations have them; else node-gyp fetches them. */
function localNodeHeaders() {
  const prefix = path.dirname(path.dirname(realpathSync(process.execPath)))
  return existsSync(path.join(prefix, 'include', 'node', 'node_api.h')) ? prefix : null
}
