/** Finds and opens the compiled addon. */
import { createRequire } from 'node:module'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

const relative = join('native', 'build', 'Release', 're_control.node')

/** The folder that holds the compiled addon: the checkout, or the unpacked resources of a package. */
function findRoot(from: string): string {
  let directory = from
  while (!existsSync(join(directory, relative))) {
    const parent = dirname(directory)
    if (parent === directory) throw new Error(`the addon is not built: ${relative} is missing (run npm run setup)`)
    directory = parent
  }
  return directory
}

// The system's loader opens real files: in a package the libraries lie beside the archive that the code is in.
export const root = findRoot(import.meta.dirname.replace(/app\.asar(?=[\\/])/, 'app.asar.unpacked'))

/** The raw exports; each wrapper beside this file casts them once to what it declares. */
export const addon = createRequire(import.meta.url)(join(root, relative)) as Record<string, unknown>
