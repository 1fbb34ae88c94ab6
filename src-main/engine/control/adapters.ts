/** Checks the file of an adapter against the model and makes the adapter known to the model host. */
import type { HostClient } from '../models/host-client.ts'
import { readControlVector } from '../models/control-vector.ts'
import { checkLora } from '../models/lora.ts'
import { versionOf } from '../files.ts'
import type { AdapterPlan } from './method.ts'

/** @returns its name in the host @throws StudioError 'not-found', 'not-usable' or 'bad-request', in one line */
export async function sendAdapter(host: HostClient, plan: AdapterPlan): Promise<string> {
  const version = versionOf(plan.file)
  const name = JSON.stringify({ ...plan, version })
  await host.setAdapter(name, async () => {
    if (plan.kind === 'lora') {
      await checkLora(plan.file, host.loaded.file)
      return { ...plan, version }
    }
    // the output head counts as a layer where layers are put on a GPU
    return { kind: plan.kind, data: await readControlVector(plan.file, { ...plan, layers: host.loaded.layers - 1, size: host.loaded.stateSize }) }
  })
  return name
}
