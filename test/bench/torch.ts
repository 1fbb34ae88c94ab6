/** torch_training.py as a process that trains an epoch whenever it is asked. */
import { execFile, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface TorchSettings {
  inputDim: number
  hidden: number[]
  batchStates: number
  trajectoryStates: number
  trajectories: number
  threads: number
}

export interface Torch {
  /** "PyTorch 2.1.0, ..." */
  version: string
  /** Seconds of one epoch, by its own clock. */
  epoch(): Promise<number>
  stop(): void
}

/** @returns null where no python has torch */
export async function startTorch(settings: TorchSettings): Promise<Torch | null> {
  const python = await pythonWithTorch()
  if (python === null) return null
  const child = spawn(python, [join(import.meta.dirname, 'torch_training.py'), JSON.stringify(settings)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const nextLine = async (): Promise<string> => {
    const { value, done } = await lines.next()
    if (done === true) throw new Error('PyTorch ended early')
    return value as string
  }
  return {
    version: await nextLine(),
    async epoch() {
      child.stdin.write('epoch\n')
      return Number(await nextLine())
    },
    stop: () => void child.kill()
  }
}

async function pythonWithTorch(): Promise<string | null> {
  // a version manager's python3 may come before the system's, and only one of them have it
  for (const python of ['python3', '/usr/bin/python3']) {
    const has = await promisify(execFile)(python, ['-c', 'import torch']).then(() => true, () => false)
    if (has) return python
  }
  return null
}
