/**
 * The llama.cpp libraries that node-llama-cpp installs, a folder a backend. A process can open one of them only, so
 * which one is decided before: by what is installed, and by whether the driver's own library can be opened.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { libraryProblem, openLibraries, type Device } from './llama.ts'
import { addon, root } from './load.ts'
import { cacheDirectory } from './setup/cache.mjs'

/** In the order in which they are tried. */
export const backends = ['metal', 'cuda', 'vulkan', 'cpu'] as const
export type Backend = (typeof backends)[number]

export interface Variant {
  backend: Backend
  directory: string
  /** CUDA's backend for an older CUDA runtime, where that is a package of its own; null otherwise */
  fallbackDirectory: string | null
  /** the llama.cpp release that the libraries were built from */
  build: string
}

/** What came of opening a backend's libraries. */
export interface Opened {
  /** null when nothing was opened, so that this process can still open another variant */
  variant: Variant | null
  /** the graphics processors; empty when the processor is all that there is */
  gpus: Device[]
  cpu: Device | null
  /** why there is no GPU to be used; null when there is one, and for the backend cpu */
  problem: string | null
}

const platformName = { linux: 'linux', darwin: 'mac', win32: 'win' }[process.platform as string] ?? process.platform
const hasMetal = process.platform === 'darwin' && process.arch === 'arm64'

/** The llama.cpp release whose headers the addon was compiled with. */
const builtFor = String(addon['release'])

/** The package of a backend for this machine's platform; null where there can be none. */
function packageOf(backend: Backend): string | null {
  switch (backend) {
    case 'metal':
      return hasMetal ? 'mac-arm64-metal' : null
    case 'cuda':
    case 'vulkan':
      return process.platform !== 'darwin' && process.arch === 'x64' ? `${platformName}-x64-${backend}` : null
    case 'cpu':
      return hasMetal ? 'mac-arm64-metal' : `${platformName}-${process.arch === 'arm' ? 'armv7l' : process.arch}` // Metal's folder holds the processor's backend too
  }
}

/** Where the studio fetches further backends to, and a person may unpack their packages: the installed program has the processor's only. */
const added = join(cacheDirectory(), 'backends')

/** The folder of a package; null where it is not here. */
function folderOf(name: string): string | null {
  return [join(root, 'node_modules', '@node-llama-cpp', name), join(added, name)].find((folder) => existsSync(join(folder, 'bins'))) ?? null
}

function versionOf(folder: string): string {
  return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version
}

/** @throws Error saying what is missing */
export function findVariant(backend: Backend = 'cpu'): Variant {
  const name = packageOf(backend)
  if (name === null) throw new Error(backend === 'metal' ? 'only on Macs with Apple silicon' : 'only on Linux and Windows with an x64 processor')
  const found = folderOf(name)
  if (found === null) throw new Error(backend === 'cuda' || backend === 'vulkan' ? `not installed; the stage Model or "device fetch ${backend}" fetches it` : `not installed: there is no package @node-llama-cpp/${name} (run npm run setup)`)
  const bins = join(found, 'bins')
  const folder = readdirSync(bins)[0] ?? ''
  const directory = join(bins, folder)
  const { buildOptions } = JSON.parse(readFileSync(join(directory, '_nlcBuildMetadata.json'), 'utf8')) as { buildOptions: { llamaCpp: { release: string } } }
  const { release } = buildOptions.llamaCpp
  // structs are passed by value: another release's libraries would read them wrongly
  if (release !== builtFor) throw new Error(`not usable: ${directory} holds llama.cpp ${release}, and this program is for ${builtFor}${found.startsWith(added) ? '; fetch it again' : ''}`)
  // of the same version only: the fallback's folder does not say which llama.cpp it is of
  const more = folderOf(`${name}-ext`)
  const fallback = more !== null && versionOf(more) === versionOf(found) ? join(more, 'bins', folder, 'fallback') : null
  return { backend, directory, fallbackDirectory: fallback !== null && existsSync(fallback) ? fallback : null, build: release }
}

/** The library that a GPU's driver brings, and what to call it. */
function driverOf(backend: Backend): { library: string; what: string } | null {
  const windows = process.platform === 'win32'
  if (backend === 'cuda') return { library: windows ? 'nvcuda.dll' : 'libcuda.so.1', what: 'NVIDIA driver' }
  if (backend === 'vulkan') return { library: windows ? 'vulkan-1.dll' : 'libvulkan.so.1', what: 'Vulkan loader' }
  return null // Metal is part of macOS
}

/** Opens a backend's libraries if its driver is there. @throws Error when this process has another variant open */
export function openVariant(backend: Backend): Opened {
  const nothing = (problem: string): Opened => ({ variant: null, gpus: [], cpu: null, problem })
  let variant: Variant
  try {
    variant = findVariant(backend)
  } catch (error) {
    if (backend === 'cpu') throw error
    return nothing(error instanceof Error ? error.message : String(error))
  }
  const driver = driverOf(backend)
  const noDriver = driver === null ? '' : `no ${driver.what} (${driver.library}) on this machine`
  if (driver !== null && libraryProblem(driver.library) !== null) return nothing(noDriver)
  const { devices } = openLibraries(variant.directory, variant.fallbackDirectory)
  const cpu = devices.find((device) => !device.isGpu) ?? null
  if (backend === 'cpu') return { variant, gpus: [], cpu, problem: null }
  const gpus = devices.filter((device) => device.isGpu)
  if (gpus.length > 0) return { variant, gpus, cpu, problem: null }
  const problem = backendProblem(variant)
  // Electron brings a Vulkan loader that this process finds and the backend does not: then there is none after all
  if (driver !== null && problem?.includes(driver.library) === true) return { variant, gpus, cpu, problem: noDriver }
  return { variant, gpus, cpu, problem: problem === null ? 'its driver shows no GPU that can be used' : `its libraries cannot be opened: ${problem}` }
}

/** Why the backend's own library does not open, e.g. for want of CUDA's runtime libraries. */
function backendProblem({ backend, directory, fallbackDirectory }: Variant): string | null {
  const file = process.platform === 'win32' ? `ggml-${backend}.dll` : `libggml-${backend}.so`
  const problems = [directory, fallbackDirectory].flatMap((folder) => (folder === null || !existsSync(join(folder, file)) ? [] : [libraryProblem(join(folder, file))]))
  if (problems.includes(null)) return null // one does: then there is no device for it
  return problems[0] ?? null
}
