/** A project of the tiny model, opened through the page's own port. */
import { join } from 'node:path'
import { writeTinyModel } from '../fixtures/tiny-model.ts'
import { ask, takePort } from './port.ts'
import { expect, type Studio } from './studio.ts'

/** With the model in its host. */
export async function withModel(studio: Pick<Studio, 'page' | 'folder'>): Promise<void> {
  const { page, folder } = studio
  const modelFile = join(folder, 'tiny.gguf')
  writeTinyModel(modelFile)
  await page.getByRole('button', { name: 'Open the sample project' }).waitFor()
  await takePort(page)
  expect(await ask(page, 'project.create', { directory: join(folder, 'project'), modelFile })).toMatchObject({ output: { name: 'project' } })
  expect(await ask(page, 'device.choose', { device: 'cpu', threads: 1, batchTokens: 128 })).toMatchObject({ output: {} })
  expect(await ask(page, 'model.load', {})).toMatchObject({ output: { backend: 'cpu' } })
}
