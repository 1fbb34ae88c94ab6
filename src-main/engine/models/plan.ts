/** How a model would be loaded: on which backend, how much of it, with how many threads, and why. */
import type { Backend, Device, DeviceCandidate, DeviceChoice, LoadPlan } from '../../contract/device.ts'
import type { ModelFacts } from '../../contract/models.ts'
import { StudioError } from '../../contract/errors.ts'
import { backendTitles, notUsable } from './backends.ts'
import { availableMemory } from './inspect.ts'
import { rememberedBatch, rememberedThreads } from './measured.ts'
import { memoryText, planOffload, type Offload } from './offload.ts'
import { batchTokens as largestStep, contextTokens, smallerContexts } from './room.ts'

const processor: Device = { name: 'CPU', description: 'the processor', memoryFree: 0, memoryTotal: 0 }

/**
 * Before any process is started for it.
 * @param sha256 null when it is not known yet
 * @param candidates every backend's verdict
 * @throws StudioError 'not-usable' or 'not-enough-memory' when what was chosen cannot be done
 */
export function planLoad(facts: ModelFacts, sha256: string | null, choice: DeviceChoice, candidates: DeviceCandidate[], cacheDirectory: string): LoadPlan {
  const possible = candidates.find((one) => one.usable === true && (choice.device === 'auto' || one.backend === choice.device))
  if (possible === undefined && choice.device !== 'auto') throw notUsable(choice.device, candidates)
  return planOn(possible?.backend ?? 'cpu', facts, sha256, choice, candidates, cacheDirectory)
}

/** On the backend that is open. @throws StudioError 'not-enough-memory' when more layers were chosen than fit there */
export function planOn(open: Backend, facts: ModelFacts, sha256: string | null, choice: DeviceChoice, candidates: DeviceCandidate[], cacheDirectory: string): LoadPlan {
  const gpus = open === 'cpu' ? [] : (candidates.find((one) => one.backend === open)?.devices ?? [])
  const memoryAvailable = availableMemory()
  const { context, offload } = planContext(memoryAvailable, (size) => planOffload(facts, { contextTokens: size, batchTokens: choice.batchTokens ?? largestStep }, gpus, choice.gpuLayers))
  const backend = offload.gpuLayers > 0 ? open : 'cpu'
  const measured = sha256 === null ? null : { sha256, backend, gpuLayers: offload.gpuLayers }
  const threads = choice.threads ?? (measured && rememberedThreads(cacheDirectory, measured)?.chosen) ?? null
  return {
    ...offload,
    contextTokens: context,
    smallerContext: context < contextTokens,
    backend, threads, memoryAvailable, candidates,
    device: candidates.find((one) => one.backend === backend)?.devices[0] ?? processor,
    reason: `${whyBackend(open, choice, candidates)}; ${whyLayers(offload, gpus, choice)}${context < contextTokens ? `; with a context of ${context} tokens, as ${contextTokens} do not fit` : ''}`,
    batchTokens: choice.batchTokens ?? (measured && threads !== null ? rememberedBatch(cacheDirectory, measured, threads)?.chosen : null) ?? null,
    fits: offload.memoryNeeded <= memoryAvailable
  }
}

/** With the usual context, or the largest of the smaller ones that fits; the smallest where none does. */
function planContext(memoryAvailable: number, offloadWith: (contextTokens: number) => Offload): { context: number; offload: Offload } {
  let context: number = contextTokens
  let offload = offloadWith(context)
  for (const smaller of smallerContexts) {
    if (offload.memoryNeeded <= memoryAvailable) break
    context = smaller
    offload = offloadWith(smaller)
  }
  return { context, offload }
}

/**
 * @param besides bytes of other models' weights, which are mapped, so that the system counts them as free
 * @throws StudioError 'not-enough-memory' with the numbers
 */
export function checkMemory(file: string, { memoryNeeded, memoryAvailable, gpuLayers, layers }: LoadPlan, besides = 0): void {
  if (memoryNeeded + besides <= memoryAvailable) return
  const rest = gpuLayers > 0 ? `, with ${gpuLayers} of ${layers} layers on the device,` : ''
  const others = besides > 0 ? ` beside the ${memoryText(besides)} of the model that is loaded` : ''
  throw new StudioError('not-enough-memory', `${file}${rest} needs about ${memoryText(memoryNeeded)} of memory${others} and ${memoryText(memoryAvailable)} are free`)
}

/**
 * Whether a second model goes beside the project's, after it, or not at all; all in bytes.
 * @param project its weights, and all that unloading it would free; null where none is loaded
 */
export function roomBeside({ needed, available, project }: { needed: number; available: number; project: { bytes: number; memory: number; busy: boolean } | null }): 'fits' | 'unload' | 'none' {
  if (needed + (project?.bytes ?? 0) <= available) return 'fits'
  return project !== null && !project.busy && needed <= available + project.memory ? 'unload' : 'none'
}

function whyBackend(open: Backend, choice: DeviceChoice, candidates: DeviceCandidate[]): string {
  if (choice.device === open) return `${backendTitles[open]}, as it was chosen`
  const refused = candidates.filter((one) => one.usable === false && one.backend !== 'metal').map((one) => `${backendTitles[one.backend]}: ${one.reason}`)
  if (open === 'cpu') return `The processor, as no GPU can be used (${refused.join('; ')})`
  return `${backendTitles[open]}, the first backend with a GPU that can be used${refused.length === 0 ? '' : ` (${refused.join('; ')})`}`
}

function whyLayers({ gpuLayers, layers, deviceMemoryNeeded, deviceMemoryFree }: Offload, gpus: Device[], choice: DeviceChoice): string {
  if (gpus.length === 0) return 'all layers are in the machine\'s memory'
  if (choice.gpuLayers !== null) return `${gpuLayers} of ${layers} layers on it, as chosen`
  const room = `in its ${memoryText(deviceMemoryFree)} of free memory`
  if (gpuLayers === 0) return `but not one layer fits ${room}, so the processor does it all`
  if (gpuLayers === layers) return `all ${layers} layers fit ${room} (they need ${memoryText(deviceMemoryNeeded)})`
  return `${gpuLayers} of ${layers} layers fit ${room}`
}
