/** What a run must name so that someone else can run it again. */
import type { LoadedModel, Manifest } from '../../contract/device.ts'
import { version } from '../version.ts'

export function manifestOf(model: LoadedModel, settings: { seed: number; [setting: string]: unknown }): Manifest {
  return {
    studio: version,
    model: model.sha256,
    modelFile: model.file,
    backend: model.backend,
    device: model.device.description,
    gpuLayers: model.gpuLayers,
    layers: model.layers,
    reason: model.reason,
    llamaCpp: model.build,
    threads: model.threads,
    batchTokens: model.batchTokens,
    seed: settings.seed,
    settings: { ...settings }
  }
}
