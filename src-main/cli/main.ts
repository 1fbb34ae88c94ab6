/** The terminal: commands over the engine. Results on stdout, progress and errors on stderr, exit 0 only on success. */
import { toFailure } from '../contract/errors.ts'
import { commands } from './commands.ts'
import { parseArguments, UsageError } from './arguments.ts'
import { Session } from './session.ts'
import { Terminal } from './terminal.ts'

async function main(words: string[]): Promise<number> {
  const terminal = new Terminal(words.includes('--json'))
  const command = commands.find(({ name }) => name.split(' ').every((word, i) => words[i] === word))
  if (command === undefined || words.includes('--help')) {
    const help = command === undefined ? commands.map((c) => `  ${c.usage}`).join('\n') : `  ${command.usage}`
    const text = `Usage: npm run cli -- <command>\n\n${help}\n`
    if (words.length === 0 || words.includes('--help') || words.includes('help')) {
      process.stdout.write(text)
      return 0
    }
    terminal.error(`there is no command "${words.slice(0, 2).join(' ')}"; --help lists them`)
    return 1
  }
  const session = new Session(terminal)
  process.once('SIGINT', () => void session.interrupt())
  process.once('SIGTERM', () => void session.interrupt())
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
