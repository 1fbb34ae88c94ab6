/** An ordinary user of this machine, made for the test and removed after it: packages are installed by root and used by others. */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

export class Person {
  readonly name = `re-control-test-${process.pid}`
  readonly home = `/home/${this.name}`
  #running: ChildProcess[] = []

  constructor() {
    execFileSync('useradd', ['--create-home', '--shell', '/bin/sh', this.name])
  }

  /** Runs a program to its end, in the person's home. */
  run(program: string, words: string[], env: Record<string, string> = {}): { code: number | null; output: string; errors: string } {
    const { status, stdout, stderr } = spawnSync('su', this.#command(program, words, env), { cwd: this.home, encoding: 'utf8', timeout: 300_000, env: this.#environment() })
    return { code: status, output: stdout, errors: stderr }
  }

  start(program: string, words: string[], env: Record<string, string> = {}): ChildProcess {
    const child = spawn('su', this.#command(program, words, env), { cwd: this.home, stdio: ['ignore', 'pipe', 'pipe'], env: this.#environment() })
    this.#running.push(child)
    return child
  }

  /** Gives a copy of this user's own file at the same place below the home. */
  give(file: string): void {
    const copy = join(this.home, file.slice(homedir().length))
    mkdirSync(dirname(copy), { recursive: true })
    copyFileSync(file, copy)
    execFileSync('chown', ['-R', `${this.name}:`, join(this.home, '.cache')])
    chmodSync(copy, 0o644)
  }

  /** Process ids of what the person runs, whose command line holds `words`. */
  processes(words: string): number[] {
    const { stdout } = spawnSync('pgrep', ['-u', this.name, '-f', '--', words], { encoding: 'utf8' })
    return stdout.split('\n').filter((line) => line !== '').map(Number)
  }

  /** Ends what is still running, and takes the person and the home away. */
  remove(): void {
    for (const child of this.#running) child.kill()
    spawnSync('pkill', ['-KILL', '-u', this.name]) // a user of this test alone
    spawnSync('userdel', ['--remove', '--force', this.name])
  }

  #command(program: string, words: string[], env: Record<string, string>): string[] {
    const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`
    const variables = Object.entries(env).map(([name, value]) => `${name}=${quote(value)}`)
    return ['-', this.name, '-c', ['exec env', ...variables, quote(program), ...words.map(quote)].join(' ')]
  }

  #environment(): Record<string, string> {
    return { PATH: process.env['PATH'] ?? '/usr/bin:/bin' }
  }
}
