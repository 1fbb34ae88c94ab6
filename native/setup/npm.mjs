// How to call npm without a shell: the npm that started us, or the one beside node.
import { existsSync } from 'node:fs'
import path from 'node:path'

// Whoever called `npm --silent` silences the npm below as well, and with it the cause of a failure.
const audible = '--loglevel=warn'

/** The command and leading arguments that run npm. */
export function npmCommand() {
  const besideNode = path.dirname(process.execPath)
  const script = [
    // pnpm and yarn set this variable as well, but cannot run npm's commands.
    path.basename(process.env.npm_execpath ?? '') === 'npm-cli.js' ? process.env.npm_execpath : null,
    path.join(besideNode, 'node_modules/npm/bin/npm-cli.js'),
    path.join(besideNode, '../lib/node_modules/npm/bin/npm-cli.js')
  ].find((file) => file && existsSync(file))
  return script ? [process.execPath, script, audible] : ['npm', audible]
}
