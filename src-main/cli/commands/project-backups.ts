import { resolve } from 'node:path'
import { StudioError } from '../../contract/errors.ts'
import { listBackups, restoreBackup } from '../../engine/project/backups.ts'
import { text } from '../arguments.ts'
import { salvage, salvageFolder } from '../../engine/project/salvage.ts'
import type { Command } from '../command.ts'
import { columns } from '../terminal.ts'

const reasons = { migration: 'before a change of the schema', daily: "the day's first", request: 'asked for' }

export const projectBackup: Command = {
  name: 'project backup',
  usage: 'project backup PROJECT',
  positionals: ['PROJECT'],
  flags: [],
  async run(session, { positionals: [directory = ''] }) {
    const project = await session.open(directory)
    const backup = project.backUp()
    session.terminal.result(backup, [`Backup ${backup.name} in ${project.directory}/backups (the states are not part of it)`])
    return 0
  }
}

/** Works for a project that cannot be opened any more. */
export const projectBackups: Command = {
  name: 'project backups',
  usage: 'project backups PROJECT',
  positionals: ['PROJECT'],
  flags: [],
  run({ terminal }, { positionals: [directory = ''] }) {
    const backups = listBackups(resolve(directory))
    const rows = backups.map(({ name, bytes, schema, reason }) => [name, `${(bytes / 1e6).toFixed(1)} MB`, `schema ${schema}`, reasons[reason]])
    terminal.result({ backups }, backups.length === 0 ? ['There is no backup'] : columns(rows))
    return Promise.resolve(0)
  }
}

/** Without --backup the newest. The database that was there is set aside, not deleted. */
export const projectRestore: Command = {
  name: 'project restore',
  usage: 'project restore PROJECT [--backup NAME]',
  positionals: ['PROJECT'],
  flags: ['backup'],
  async run(session, input) {
    const directory = resolve(input.positionals[0] ?? '')
    const name = text(input, 'backup') ?? listBackups(directory)[0]?.name
    if (name === undefined) throw new StudioError('not-found', `there is no backup in ${directory}/backups`)
    const setAside = restoreBackup(directory, name)
    const { counts } = (await session.open(directory)).summary()
    const kept = setAside === null ? [] : [`What was there is now ${setAside} in the same folder`]
    session.terminal.result({ restored: name, setAside, counts }, [`Restored ${name}: ${counts.examples} examples, ${counts.responses} responses, ${counts.valueFunctions} value functions`, ...kept])
    return 0
  }
}

/** Of a project without a good backup: into a new one beside it, or into the folder that is named. */
export const projectSalvage: Command = {
  name: 'project salvage',
  usage: 'project salvage PROJECT [--into DIR]',
  positionals: ['PROJECT'],
  flags: ['into'],
  async run(session, input) {
    const directory = resolve(input.positionals[0] ?? '')
    const into = resolve(text(input, 'into') ?? salvageFolder(directory))
    const tables = salvage(directory, into)
    const { counts } = (await session.open(into)).summary()
    const rows = tables.map(({ name, rows: read, lost }) => [name, `${read} rows`, lost === null ? 'some lost, nobody knows how many' : lost === 0 ? '' : `at most ${lost} lost`])
    session.terminal.result({ project: into, tables, counts }, [`Salvaged into ${into}; ${directory} is as it was`, ...columns(rows)])
    return 0
  }
}
