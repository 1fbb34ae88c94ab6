/** What a run must name so that someone else can run it again. */
import type { LoadedModel } from '../../contract/entities.ts'
import type { Manifest } from '../project/collections.ts'
import { version } from '../version.ts'

export function manifestOf(model: LoadedModel): Manifest {
  return {
    studio: version,
    model: model.sha256,
    modelFile: model.file,
    backend: model.backend,
    device: model.device,
    llamaCpp: model.build,
    threads: model.threads
  }
}
