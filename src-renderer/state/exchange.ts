/** Value functions and collected states as files that Python reads and writes. */
import type { Collection } from '../../src-main/contract/collect.ts'
import type { ValueFunction } from '../../src-main/contract/value.ts'
import { call } from './connection.ts'
import { collect } from './collect.svelte.ts'
import { jobs } from './jobs.svelte.ts'
import { notices } from './notices.svelte.ts'
import { train } from './train.svelte.ts'

const notInNames = /[\\/:*?"<>|]/g

export async function exportValueFunction({ id, name }: Pick<ValueFunction, 'id' | 'name'>): Promise<void> {
  await notices.guard(async () => {
    const file = await call('dialog.save', { title: 'Export the value function', name: `${name.replaceAll(notInNames, '-')}.safetensors`, extensions: ['safetensors'] })
    if (file === null) return
    await call('value.export', { id, file })
    notices.add('info', `Written to ${file}`)
  })
}

export async function importValueFunction(): Promise<void> {
  await notices.guard(async () => {
    const file = await call('dialog.file', { title: 'Import a value function', extensions: ['safetensors', 'pth', 'pt'] })
    if (file === null) return
    const { valueFunction } = await call('value.import', { file })
    await train.refresh(valueFunction)
  })
}

/** Into a folder of its own within the chosen one. */
export async function exportStates({ id }: Pick<Collection, 'id'>): Promise<void> {
  await notices.guard(async () => {
    const directory = await call('dialog.directory', { title: 'Export the states into' })
    if (directory === null) return
    jobs.take(await call('collect.export', { collection: id, directory: `${directory}/collection-${id}-states` }))
  })
}

export async function importStates(): Promise<void> {
  await notices.guard(async () => {
    const path = await call('dialog.directory', { title: 'Import states from' })
    if (path === null) return
    jobs.take(await call('collect.import', { path }))
  })
}

jobs.onEnd('import-states', (job) => {
  if (job.state === 'done') void collect.refresh(job.subject)
})
