// Where things are in a checkout.
import { realpathSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))
export const inRoot = (...parts) => path.join(root, ...parts)

/** Whether the module with this URL is the script that node was started with. */
export const isStarted = (url) => fileURLToPath(url) === realpathSync(process.argv[1])
