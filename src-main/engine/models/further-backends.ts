/**
 * llama.cpp's backends that a package does not bring along: which there are for this machine, which are here, and what the
 * machine lacks for them. Their packages of the npm registry are pinned in resources/backends.json.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { FurtherBackend, FurtherBackendId } from '../../contract/device.ts'
import { StudioError } from '../../contract/errors.ts'
import { systemLibraries, type HasLibrary } from './system-libraries.ts'

const pinned = z.record(z.string(), z.object({
  version: z.string().regex(/^\d+\.\d+\.\d+$/),
  /** of its tarball, whose SHA-512 (base64) it is */
  bytes: z.int().positive(),
  sha512: z.string().length(88)
}))

/** A package as it is pinned. */
export interface BackendPackage {
  id: FurtherBackendId
  /** linux-x64-cuda: of the package, and of its folder */
  folder: string
  /** @node-llama-cpp/linux-x64-cuda */
  name: string
  version: string
  bytes: number
  sha512: string
}

export interface BackendDirectories {
  cacheDirectory: string
  resourcesDirectory: string
}

interface Kind {
  title: string
  backend: FurtherBackend['backend']
  /** it only adds to that one */
  needs: FurtherBackendId | null
  /** shared libraries by platform, and what brings them */
  libraries: { linux: string; win32: string; of: string }[]
}

const driver = { linux: 'libcuda.so.1', win32: 'nvcuda.dll', of: 'the NVIDIA driver' }
const runtime = (major: number): Kind['libraries'] => [
  { linux: `libcudart.so.${major}`, win32: `cudart64_${major}.dll`, of: `the runtime of CUDA ${major}` },
  { linux: `libcublas.so.${major}`, win32: `cublas64_${major}.dll`, of: `cuBLAS of CUDA ${major}` }
]

/** The libraries are those that each backend's own library is linked with. */
export const kinds: Record<FurtherBackendId, Kind> = {
  cuda: { title: 'CUDA 13', backend: 'cuda', needs: null, libraries: [driver, ...runtime(13)] },
  'cuda-ext': { title: 'CUDA 12', backend: 'cuda', needs: 'cuda', libraries: [driver, ...runtime(12)] },
  vulkan: { title: 'Vulkan', backend: 'vulkan', needs: null, libraries: [{ linux: 'libvulkan.so.1', win32: 'vulkan-1.dll', of: 'the Vulkan loader' }] }
}
const ids = Object.keys(kinds) as FurtherBackendId[]

/** Those of this platform, whether they are here or not; none on Macs, whose package has Metal. */
export function furtherBackends({ cacheDirectory, resourcesDirectory }: BackendDirectories, has: HasLibrary = systemLibraries()): FurtherBackend[] {
  return packages(resourcesDirectory).map((one) => {
    const { title, backend, needs, libraries } = kinds[one.id]
    const installed = installedFolder(one, resourcesDirectory)
    const fetched = backendFolder(one, cacheDirectory)
    const version = installed === null ? versionIn(fetched) : one.version
    const missing = libraries.filter((library) => has(library[process.platform === 'win32' ? 'win32' : 'linux']) === false)
    return {
      id: one.id, title, backend, needs,
      package: `${one.name}@${one.version}`,
      bytes: one.bytes,
      state: installed !== null ? 'installed' : version === null ? 'absent' : version === one.version ? 'fetched' : 'outdated',
      directory: installed ?? (version === null ? null : fetched),
      missing: missing.map((library) => `${library.of} (${library[process.platform === 'win32' ? 'win32' : 'linux']})`)
    }
  })
}

/** @throws StudioError 'not-found' where there is none for this platform */
export function backendPackage(id: FurtherBackendId, resourcesDirectory: string): BackendPackage {
  const found = packages(resourcesDirectory).find((one) => one.id === id)
  if (found === undefined) throw new StudioError('not-found', `there is no ${kinds[id].title} backend for ${process.platform} on ${process.arch}`)
  return found
}

/** Where native/variants.ts looks for it. */
export function backendFolder({ folder }: Pick<BackendPackage, 'folder'>, cacheDirectory: string): string {
  return join(cacheDirectory, 'backends', folder)
}

/** Whether it is here in the version that this program is for. */
export function isFetched(one: BackendPackage, cacheDirectory: string): boolean {
  return versionIn(backendFolder(one, cacheDirectory)) === one.version
}

/** The folder of a checkout's own packages, which come before those that were fetched. */
function installedFolder({ folder }: BackendPackage, resourcesDirectory: string): string | null {
  const directory = join(resourcesDirectory, '..', 'node_modules', '@node-llama-cpp', folder)
  return existsSync(join(directory, 'bins')) ? directory : null
}

function packages(resourcesDirectory: string): BackendPackage[] {
  const all = pinned.parse(JSON.parse(readFileSync(join(resourcesDirectory, 'backends.json'), 'utf8')))
  const platform = `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  return ids.flatMap((id) => {
    const folder = `${platform}-${id}`
    const found = all[folder]
    return found === undefined ? [] : [{ id, folder, name: `@node-llama-cpp/${folder}`, ...found }]
  })
}

/** Of the package in a folder; '' where something else is there, null where nothing is. */
function versionIn(folder: string): string | null {
  if (!existsSync(folder)) return null
  try {
    return z.object({ version: z.string() }).parse(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))).version
  } catch {
    return ''
  }
}
