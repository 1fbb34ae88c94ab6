/** Starts a model host and loads a model in it: on the chosen backend or the first that can, as it was measured before. */
import type { Backend, DeviceChoice, LoadPlan } from '../../contract/device.ts'
import { StudioError } from '../../contract/errors.ts'
import type { LoadInput } from '../../model-host/messages/model.ts'
import { backendTitles, openBackend } from './backends.ts'
import { checksumOf } from './checksum.ts'
import { isCrash } from './exit-reason.ts'
import type { HostClient, LaunchHost } from './host-client.ts'
import { inspectModel } from './inspect.ts'
import { machineLoad, rememberBatch, rememberedBatch, rememberedThreads, rememberThreads } from './measured.ts'
import { planOn } from './plan.ts'
import { sequences } from './room.ts'

export interface Loading {
  launch: LaunchHost
  cacheDirectory: string
  choice: DeviceChoice
  /** what it is read with, where it is to give rewards and not text */
  scores?: LoadInput['scores']
  /** Backends that could not load the model, and why: they are not tried, and those that now fail are added. */
  failed: Map<Backend, string>
  /** Asked before the model is loaded. @throws where there is no room for it */
  makeRoom(plan: LoadPlan): void | Promise<void>
  warn(text: string): void
  /** of the file, for its checksum, where it was not read before */
  reading?(done: number, total: number): void
  signal?: AbortSignal
}

/** @throws StudioError 'not-found', 'not-usable', 'not-enough-memory' or 'model-host-exited' */
export async function loadModel(file: string, loading: Loading): Promise<HostClient> {
  const { launch, cacheDirectory, choice, scores, failed, signal } = loading
  const load = machineLoad() // before this adds to it
  const facts = await inspectModel(file)
  const sha256 = await checksumOf(file, cacheDirectory, { progress: loading.reading, signal })
  signal?.throwIfAborted()
  const { client, backend, candidates } = await openBackend(launch, choice.device, failed)
  const kill = (): void => client.kill()
  signal?.addEventListener('abort', kill)
  try {
    const plan = planOn(backend, facts, sha256, choice, candidates, cacheDirectory)
    await loading.makeRoom(plan)
    signal?.throwIfAborted()
    const { batchTokens, contextTokens, gpuLayers, reason } = plan
    const of = { sha256, backend: plan.backend, gpuLayers, scoring: scores !== undefined }
    const threadsBefore = choice.threads === null ? rememberedThreads(cacheDirectory, of) : null
    const threads = choice.threads ?? threadsBefore?.chosen ?? null
    const batchBefore = choice.batchTokens === null && threads !== null ? rememberedBatch(cacheDirectory, of, threads) : null
    const loaded = await client.load(
      { file, sha256, contextTokens, sequences, batchTokens, threads, gpuLayers, scores },
      {
        backend: plan.backend, reason, candidates,
        ...(threadsBefore && { threadMeasurement: threadsBefore.measurement }),
        ...(batchBefore && { batchMeasurement: batchBefore.measurement })
      }
    )
    if (threads === null) rememberThreads(cacheDirectory, of, { chosen: loaded.threads, measurement: loaded.threadMeasurement, load })
    if (batchTokens === null && loaded.batchMeasurement.length > 0) rememberBatch(cacheDirectory, of, loaded.threads, { chosen: loaded.batchTokens, measurement: loaded.batchMeasurement, load })
    return client
  } catch (error) {
    client.kill()
    // what the person chose is not changed behind their back; otherwise the next backend takes over, the processor at last
    const isDevices = error instanceof StudioError && (error.code === 'not-usable' || error.code === 'model-host-exited')
    if (isDevices && backend === 'cpu' && error.code === 'model-host-exited' && isCrash(error.message)) {
      throw new StudioError('not-usable', `${file} is not usable as a model: ${error.message} while it was loaded, so the file is damaged or of a kind that llama.cpp does not know`, { cause: error })
    }
    if (!isDevices || signal?.aborted === true || backend === 'cpu' || choice.device !== 'auto') throw error
    failed.set(backend, `it could not load this model: ${error.message}`)
    loading.warn(`${backendTitles[backend]} could not load the model (${error.message}); trying without it`)
    return await loadModel(file, loading)
  } finally {
    signal?.removeEventListener('abort', kill)
  }
}
