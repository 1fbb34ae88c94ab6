// The folder that a package is made of: the built program, what it reads, and of node_modules only what it imports,
// without other platforms' binaries, sources and declarations.
import { copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { refusedLicences, thirdPartyNotices } from './package-licences.mjs'
import { bundledModules, llamaPackage, readManifest, shippedModules } from './package-modules.mjs'
import { SetupFailure } from './command.mjs'
import { inRoot } from './paths.mjs'

/** What electron-builder.yml takes as the app's folder, and the notices beside it. */
export const stage = inRoot('out', 'package', 'app')
export const noticesFile = inRoot('out', 'package', 'THIRD-PARTY-NOTICES.txt')

const kept = /\.(js|cjs|mjs|json|node|wasm|so|dylib|dll|metal)$|^licen[cs]e|^copying|^notice/i
const left = /\.d\.[cm]?ts$|\.map$|\.(spec|test)\.[cm]?js$/
const leftFolders = new Set(['node_modules', 'test', 'tests', '__tests__', 'spec', 'docs', 'example', 'examples', 'browser', '.bin'])

/** Fills `stage` anew. @throws SetupFailure for a package whose licence does not allow it */
export function stageFiles(homepage) {
  const llama = llamaPackage()
  const shipped = [...shippedModules(), { name: llama, directory: `node_modules/${llama}`, manifest: readManifest(inRoot('node_modules', llama)) }]
  const bundled = bundledModules()
  const refused = refusedLicences([...shipped, ...bundled])
  if (refused.length > 0) throw new SetupFailure(`These licences may not go into a package: ${refused.join('; ')}`)

  rmSync(stage, { recursive: true, force: true })
  mkdirSync(stage, { recursive: true })
  for (const folder of ['main', 'preload', 'renderer']) cpSync(inRoot('out', folder), path.join(stage, 'out', folder), { recursive: true })
  mkdirSync(path.join(stage, 'resources'))
  for (const list of ['models.json', 'backends.json']) copyFileSync(inRoot('resources', list), path.join(stage, 'resources', list))
  cpSync(inRoot('resources', 'sample'), path.join(stage, 'resources', 'sample'), { recursive: true })
  const addon = path.join('native', 'build', 'Release', 're_control.node')
  mkdirSync(path.join(stage, path.dirname(addon)), { recursive: true })
  copyFileSync(inRoot(addon), path.join(stage, addon))
  for (const { name, directory } of shipped) copyModule(directory, name)
  writeFileSync(path.join(stage, 'package.json'), JSON.stringify(manifest(homepage), null, 2))
  writeFileSync(noticesFile, thirdPartyNotices(shipped, bundled))
}

function copyModule(directory, name) {
  const prebuilt = `${process.platform}-${process.arch}.node`
  const copy = (folder) => {
    for (const entry of readdirSync(inRoot(folder), { withFileTypes: true })) {
      const file = path.posix.join(folder, entry.name)
      if (entry.isDirectory()) {
        if (!leftFolders.has(entry.name)) copy(file)
      } else if (isShipped(entry.name) && (path.posix.basename(folder) !== 'prebuilds' || entry.name === prebuilt)) {
        mkdirSync(path.join(stage, folder), { recursive: true })
        copyFileSync(inRoot(file), path.join(stage, file))
      }
    }
  }
  // better-sqlite3's SQLite is in its prebuilt binary; node-llama-cpp's own addon is of no use without node-llama-cpp, nor
  // llama.cpp's library of its programs (with an HTTP client and a JSON parser of others) without that addon
  const isShipped = (file) => kept.test(file) && !left.test(file) && file !== 'llama-addon.node' && !/^(lib)?llama-common\./.test(file)
  copy(directory)
  if (name === 'better-sqlite3') for (const folder of ['deps', 'src']) rmSync(path.join(stage, directory, folder), { recursive: true, force: true })
}

/** desktopName is what Linux desktops know the window by. */
function manifest(homepage) {
  const { name, productName, version, description, license, main, type } = readManifest(inRoot())
  return { name, productName, version, description, license, main, type, homepage, desktopName: `${name}.desktop` }
}
