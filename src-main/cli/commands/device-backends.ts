import type { FurtherBackend } from '../../contract/device.ts'
import { StudioError } from '../../contract/errors.ts'
import { furtherBackends } from '../../engine/models/further-backends.ts'
import type { Command, Input } from '../command.ts'
import type { Session } from '../session.ts'
import { definitions } from '../terminal.ts'

export const deviceBackends: Command = {
  name: 'device backends',
  usage: 'device backends',
  positionals: [],
  flags: [],
  async run({ engine, terminal }) {
    const backends = furtherBackends(engine.options)
    const rows = backends.map((one): [string, string] => [one.id, `${one.title}, ${(one.bytes / 1e6).toFixed(1)} MB, ${stateWords(one)}${one.missing.length === 0 ? '' : `; this machine lacks ${one.missing.join(', ')}`}`])
    terminal.result({ backends }, rows.length === 0 ? ['The studio has every backend that there is for this platform.'] : definitions(rows))
    return 0
  }
}

export const deviceFetch: Command = {
  name: 'device fetch',
  usage: 'device fetch cuda|cuda-ext|vulkan',
  positionals: ['BACKEND'],
  flags: [],
  async run(session, input) {
    const { terminal, engine } = session
    const one = named(input, session)
    if (one.missing.length > 0) terminal.note(`This machine lacks ${one.missing.join(', ')}; ${one.title} cannot be used before that is there`)
    const wanted = furtherBackends(engine.options).filter(({ id, state }) => (id === one.id || id === one.needs) && state !== 'installed' && state !== 'fetched')
    for (const { id } of wanted) await session.download({ kind: 'backend', id })
    const { directory } = named(input, session)
    terminal.result({ backend: one.id, directory, fetched: wanted.map(({ id }) => id) }, [directory ?? ''])
    return 0
  }
}

export const deviceRemove: Command = {
  name: 'device remove',
  usage: 'device remove cuda|cuda-ext|vulkan',
  positionals: ['BACKEND'],
  flags: [],
  async run(session, input) {
    const { id, title, state, directory } = named(input, session)
    if (state === 'installed') throw new StudioError('bad-request', `${title} is part of this installation (${directory}), so it is not removed`)
    await session.engine.removeBackend(id)
    session.terminal.result({ removed: id }, [`${title} was removed`])
    return 0
  }
}

/** @throws StudioError 'not-found' for one that there is not for this platform */
function named({ positionals }: Input, { engine }: Session): FurtherBackend {
  const backends = furtherBackends(engine.options)
  const found = backends.find(({ id }) => id === positionals[0])
  if (found !== undefined) return found
  const there = backends.length === 0 ? 'this platform has none to fetch' : `those of this platform are ${backends.map(({ id }) => id).join(', ')}`
  throw new StudioError('not-found', `there is no backend "${positionals[0] ?? ''}"; ${there}`)
}

function stateWords({ state, directory }: FurtherBackend): string {
  switch (state) {
    case 'installed': return 'part of this installation'
    case 'fetched': return `fetched, in ${directory ?? ''}`
    case 'outdated': return 'fetched for another version: fetch it again'
    case 'absent': return 'not here'
  }
}
