/**
 * Which backend a model host opens. A process can open one backend's libraries only, so a host that opened one which
 * has no GPU is of no use for the next; one that opened none is.
 */
import { backend as backendName, type Backend, type Device, type DeviceCandidate, type DeviceChoice } from '../../contract/device.ts'
import { StudioError, toFailure } from '../../contract/errors.ts'
import { HostClient, type LaunchHost } from './host-client.ts'

export const backendTitles: Record<Backend, string> = { metal: 'Metal', cuda: 'CUDA', vulkan: 'Vulkan', cpu: 'CPU' }

/** A host with a backend open, and the verdicts on the way to it. */
export interface OpenedHost {
  client: HostClient
  backend: Backend
  candidates: DeviceCandidate[]
}

interface Attempt {
  candidate: DeviceCandidate
  /** what can be used further, if anything */
  client: HostClient | null
  /** whether that client has libraries open */
  open: boolean
  /** the processor, where they are */
  cpu: Device | null
  /** what ended its process, or kept it from starting */
  error: unknown
}

/**
 * Opens what was chosen, or the first backend with a GPU, or the processor.
 * @param failed backends that could not load this model before, and why
 * @throws StudioError 'not-usable' when what was chosen cannot be used, 'model-host-exited' when its process died of it
 */
export async function openBackend(launch: LaunchHost, chosen: DeviceChoice['device'], failed: ReadonlyMap<Backend, string>): Promise<OpenedHost> {
  const order = backendName.options
  const wanted = chosen === 'auto' ? order : [chosen]
  const candidates = new Map<Backend, DeviceCandidate>()
  let bound: HostClient | null = null // with libraries open that show no GPU
  let processor: Device | null = null
  let free: HostClient | null = null
  const result = (client: HostClient, backend: Backend): OpenedHost => ({
    client, backend,
    candidates: order.map((name) => candidates.get(name) ?? { backend: name, usable: null, reason: chosen === 'auto' ? `not tried: ${backendTitles[backend]} comes first` : 'not tried: not chosen', devices: [] })
  })
  for (const backend of wanted) {
    const failure = failed.get(backend)
    if (failure !== undefined) {
      candidates.set(backend, { backend, usable: false, reason: failure, devices: [] })
      continue
    }
    if (backend === 'cpu' && bound !== null) break // its folder holds the processor's backend too
    bound?.kill()
    bound = null
    const attempt = await tryBackend(launch, free, backend)
    candidates.set(backend, attempt.candidate)
    if (attempt.error !== null && (chosen !== 'auto' || backend === 'cpu')) throw attempt.error // nothing else is left to try
    if (attempt.candidate.usable === true && attempt.client !== null) return result(attempt.client, backend)
    processor = attempt.cpu
    bound = attempt.open ? attempt.client : null
    free = attempt.open ? null : attempt.client
  }
  if (chosen !== 'auto') {
    bound?.kill()
    free?.kill()
    throw notUsable(chosen, [...candidates.values()])
  }
  if (bound === null) throw new StudioError('internal', candidates.get('cpu')?.reason ?? 'no backend could be opened')
  candidates.set('cpu', { backend: 'cpu', usable: true, reason: 'always there', devices: processor === null ? [] : [processor] })
  return result(bound, 'cpu')
}

export function notUsable(chosen: Backend, candidates: DeviceCandidate[]): StudioError {
  const reason = candidates.find((one) => one.backend === chosen)?.reason ?? 'nothing is known of it'
  return new StudioError('not-usable', `${backendTitles[chosen]} cannot be used: ${reason}`)
}

/** Every backend's verdict and devices; each that can be opened is opened in a process of its own. */
export async function probeBackends(launch: LaunchHost): Promise<DeviceCandidate[]> {
  const candidates: DeviceCandidate[] = []
  let free: HostClient | null = null
  for (const backend of backendName.options) {
    const { candidate, client, open } = await tryBackend(launch, free, backend)
    candidates.push(candidate)
    if (open) client?.kill()
    free = open ? null : client
  }
  free?.kill()
  return candidates
}

/** A driver can take its process with it: then that is the verdict. */
async function tryBackend(launch: LaunchHost, free: HostClient | null, backend: Backend): Promise<Attempt> {
  let client: HostClient | null = free
  try {
    client ??= HostClient.launch(launch)
    const { open, gpus, cpu, problem } = await client.request('open', { backend })
    const devices = backend === 'cpu' ? (cpu === null ? [] : [cpu]) : gpus
    const reason = problem ?? (backend === 'cpu' ? 'always there' : gpus.map((gpu) => gpu.description).join(', '))
    return { candidate: { backend, usable: problem === null, reason, devices }, client, open, cpu, error: null }
  } catch (error) {
    client?.kill()
    return { candidate: { backend, usable: false, reason: `could not be tried: ${toFailure(error).message}`, devices: [] }, client: null, open: false, cpu: null, error }
  }
}
