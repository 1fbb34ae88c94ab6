import { once } from 'node:events'
import { StudioError } from '../../contract/errors.ts'
import type { MethodChoice } from '../../contract/control.ts'
import { usualChoice } from '../../engine/server/served-models.ts'
import { number, text, UsageError } from '../arguments.ts'
import type { Command, Input } from '../command.ts'
import { deviceFlags, deviceFrom, deviceUsage } from '../device-flags.ts'
import { methodFlags, methodFrom } from '../method-flags.ts'

export const serve: Command = {
  name: 'serve',
  usage: `serve PROJECT [--port P --token-env NAME --method NAME --value-function V --alpha A --updates N ${deviceUsage}]`,
  positionals: ['PROJECT'],
  flags: ['port', 'token-env', 'method', ...methodFlags, ...deviceFlags],
  async run(session, input) {
    const { engine, terminal } = session
    const port = portFrom(input)
    const given = tokenFrom(input)
    engine.models.override(deviceFrom(input))
    const project = await session.open(input.positionals[0] ?? '')
    const method = text(input, 'method')
    const usual: MethodChoice = method === undefined ? usualChoice : methodFrom(method, input, project)
    await session.ensureModel()
    const { loaded } = await engine.models.use(project) // what cannot be loaded is told now, and no first client waits
    if (given !== null) engine.server.token.use(given)
    const state = await engine.server.start(port, usual)
    const address = `http://127.0.0.1:${state.port}/v1`
    const token = await engine.server.token.get()
    terminal.result(
      { address, port: state.port, method: usual.name, settings: usual.settings, model: loaded.file, ...(given === null && { token }) },
      [`Serving ${usual.name} at ${address}`, given === null ? `Token: ${token}` : `Token: that of ${text(input, 'token-env')}`, 'Ctrl-C stops it.']
    )
    if (!session.signal.aborted) await once(session.signal, 'abort')
    const { served, failed } = engine.server.state
    await engine.server.stop()
    terminal.note(`Stopped after ${served} requests${failed > 0 ? `, ${failed} more failed` : ''}`)
    return 0
  }
}

/** null: that of the last time @throws UsageError */
function portFrom(input: Input): number | null {
  const port = number(input, 'port')
  if (port === undefined) return null
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new UsageError(`--port is a number up to 65535, or 0 for any that is free, not ${port}`)
  return port
}

/** A token in a flag would stand in the list of processes. @throws StudioError 'bad-request' */
function tokenFrom(input: Input): string | null {
  const name = text(input, 'token-env')
  if (name === undefined) return null
  const token = process.env[name]?.trim() ?? ''
  if (!/^[\x21-\x7e]{16,200}$/.test(token)) throw new StudioError('bad-request', `${name} holds no token: 16 to 200 letters, digits and signs without spaces`)
  return token
}
