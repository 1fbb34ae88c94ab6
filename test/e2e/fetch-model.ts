/** Before the first window: the sample's model, so that a test does not wait for a download. */
import { resolve } from 'node:path'
import { cacheDirectory } from '../../src-main/engine/directories.ts'
import { fetchModel } from '../../src-main/engine/models/fetch.ts'
import { sampleModel } from '../../src-main/engine/sample.ts'

const resources = resolve(import.meta.dirname, '..', '..', 'resources')

export default async function fetchSampleModel(): Promise<void> {
  await fetchModel(sampleModel, cacheDirectory(), resources, {
    signal: new AbortController().signal,
    phase: (text) => console.log(text),
    progress: () => {}
  })
}
