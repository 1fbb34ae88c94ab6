/** Asks npm, with whatever registry and proxy it is set up for, where a package's tarball is. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** @param name package@version */
export async function tarballAddress(name: string): Promise<string> {
  // under `npm start` and `npm run` npm says where it is itself
  const script = process.env['npm_execpath']
  const node = process.env['npm_node_execpath']
  const options = { timeout: 60_000, shell: script === undefined && process.platform === 'win32' }
  const command = ['view', name, 'dist.tarball', '--loglevel=error']
  const { stdout } = script !== undefined && node !== undefined ? await run(node, [script, ...command], options) : await run('npm', command, options)
  const address = stdout.trim()
  if (!URL.canParse(address)) throw new Error(`npm knows no package ${name}`)
  return address
}
