/** Responses by another model than the project's, for a comparison. */
import type { BranchesEvent, GenerateEvent, GenerationRequest } from '../../model-host/messages/generate.ts'
import type { HostClient } from '../models/host-client.ts'
import type { Models } from '../models/models.ts'

export type Run = (host: HostClient, requests: GenerationRequest[], onEvent: (event: GenerateEvent | BranchesEvent) => void) => Promise<void>

/**
 * The model is loaded for as long as this takes. When its process dies, what is left is asked of
 * a new one, unless tokens were told already. @returns seconds before it was loaded
 */
export async function generateBySecond(models: Models, file: string, requests: GenerationRequest[], run: Run, onEvent: (event: GenerateEvent | BranchesEvent) => void, { tokens, signal }: { tokens: boolean; signal: AbortSignal }): Promise<number> {
  const left = new Map(requests.map((request) => [request.key, request]))
  let asked = performance.now()
  let loading = 0
  const work = async (host: HostClient, progressed: () => void): Promise<void> => {
    loading += (performance.now() - asked) / 1000
    try {
      await run(host, [...left.values()], (event) => {
        if (event.kind === 'finished' || event.kind === 'skipped') {
          left.delete(event.key)
          progressed()
        }
        onEvent(event)
      })
    } finally {
      asked = performance.now()
    }
  }
  if (tokens) {
    const { host, close } = await models.openSecond(file, signal)
    await work(host, () => {}).finally(close)
  } else {
    const second = models.second(file, signal)
    await second.use(work).finally(() => second.close())
  }
  return loading
}
