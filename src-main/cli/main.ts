/** The terminal: commands over the engine. Results on stdout, progress and errors on stderr, exit 0 only on success. */
import { join } from 'node:path'
import { toFailure } from '../contract/errors.ts'
import { forkHost } from '../engine/models/fork-host.ts'
import { connectSupervisor } from '../engine/supervisor-port.ts'
import { version } from '../engine/version.ts'
import { commands } from './commands.ts'
import { parseArguments, UsageError } from './arguments.ts'
import { Session } from './session.ts'
import { Terminal } from './terminal.ts'

// in a package the app starts this process and its model hosts, as Electron does not run as node there
const parent = process.parentPort as Electron.ParentPort | undefined
const supervisor = parent === undefined ? null : connectSupervisor(parent)
const program = supervisor === null ? 'npm run cli --' : 're-control-studio'

async function main(words: string[]): Promise<number> {
  if (words[0] === '--version') {
    process.stdout.write(`${version}\n`)
    return 0
  }
  const terminal = new Terminal(words.includes('--json'))
  const command = commands.find(({ name }) => name.split(' ').every((word, i) => words[i] === word))
  if (command === undefined || words.includes('--help')) {
    const help = command === undefined ? commands.map((c) => `  ${c.usage}`).join('\n') : `  ${command.usage}`
    const text = `Usage: ${program} <command>\n\n${help}\n`
    if (words.length === 0 || words.includes('--help') || words.includes('help')) {
      process.stdout.write(text)
      return 0
    }
    terminal.error(`there is no command "${words.slice(0, 2).join(' ')}"; --help lists them`)
    return 1
  }
  const session = new Session(terminal, supervisor?.launchHost ?? (() => forkHost(join(import.meta.dirname, 'model-host.js'))))
  if (supervisor === null) for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void session.interrupt())
  else {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {}) // the app gets them too, and tells
    supervisor.onQuit(() => session.interrupt())
  }
  try {
    const input = parseArguments(command, words.slice(command.name.split(' ').length))
    return await command.run(session, input)
  } catch (error) {
    const failure = toFailure(error)
    terminal.error(error instanceof UsageError ? `${failure.message}. Usage: ${command.usage}` : failure.message)
    if (failure.code === 'internal' && failure.details !== undefined && process.env['RE_CONTROL_DEBUG'] !== undefined) terminal.note(failure.details)
    return session.interrupted ? 130 : 1
  } finally {
    await session.close()
  }
}

process.on('SIGPIPE', () => process.exit(1))
process.stdout.on('error', () => process.exit(1)) // the reader went away
void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code
  // a pipe must be drained before the process may end
  process.stdout.write('', () => process.exit())
})
