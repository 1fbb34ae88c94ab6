/** Which llama.cpp libraries can be opened here, and what is said of those that cannot. */
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { libraryProblem } from '../../native/llama.ts'
import { backends, findVariant, openVariant, type Backend } from '../../native/variants.ts'

const folder = mkdtempSync(join(tmpdir(), 'variants-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

interface Answer {
  open: boolean
  build?: string
  gpus: { isGpu: boolean; memoryTotal: number }[]
  cpu: { memoryTotal: number } | null
  problem: string | null
}

async function open(backend: Backend, env: Record<string, string> = {}): Promise<Answer> {
  const script = join(import.meta.dirname, '../fixtures/open-variant.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [script, backend], { env: { ...process.env, ELECTRON_RUN_AS_NODE: '1', GGML_NO_BACKTRACE: '1', ...env } })
  return JSON.parse(stdout) as Answer
}

test('the processor is always there, with its memory', async () => {
  expect(await open('cpu')).toMatchObject({ open: true, build: expect.stringMatching(/^(v|b)\d/), gpus: [], problem: null, cpu: { memoryTotal: expect.any(Number) } })
})

test.each(backends)('%s has a GPU that can be used or a reason why not', async (backend) => {
  const { open: isOpen, gpus, problem } = await open(backend)
  if (backend === 'cpu') return expect(isOpen).toBe(true)
  if (problem === null) return expect(gpus.length).toBeGreaterThan(0)
  expect(gpus).toEqual([])
  expect(problem).toMatch(/^(only on|not installed|no (NVIDIA driver|Vulkan loader) \(|its (driver|libraries))/)
})

test('a backend that does not exist for this machine is refused, and nothing is opened', () => {
  const impossible: Backend = process.platform === 'darwin' ? 'cuda' : 'metal'
  expect(openVariant(impossible)).toEqual({ variant: null, gpus: [], cpu: null, problem: expect.stringContaining('only on') })
  expect(() => findVariant(impossible)).toThrow(/only on/)
})

test('why a library cannot be opened is the system\'s own word', () => {
  expect(libraryProblem('libno-such-library.so.1')).toContain('libno-such-library.so.1')
  expect(libraryProblem(join(findVariant().directory, 'llama-addon.nothing'))).not.toBeNull()
})

// the loader looks into LD_LIBRARY_PATH first: what lies there stands for what the machine has
describe.runIf(process.platform === 'linux' && process.arch === 'x64')('on a machine', () => {
  test.each<[Backend, string, string]>([
    ['cuda', 'libcuda.so.1', 'no NVIDIA driver (libcuda.so.1) on this machine'],
    ['vulkan', 'libvulkan.so.1', 'no Vulkan loader (libvulkan.so.1) on this machine']
  ])('without a driver for %s that is said', async (backend, library, problem) => {
    const broken = join(folder, `broken-${backend}`)
    mkdirSync(broken)
    writeFileSync(join(broken, library), 'not a library')
    expect(await open(backend, { LD_LIBRARY_PATH: broken })).toMatchObject({ gpus: [], problem })
  })

  test('with an NVIDIA driver that has no GPU, or without CUDA\'s runtime, that is said, and the processor is still there', async () => {
    const driver = join(folder, 'driver')
    mkdirSync(driver)
    writeFileSync(join(driver, 'empty.c'), '')
    execFileSync('cc', ['-shared', '-o', join(driver, 'libcuda.so.1'), join(driver, 'empty.c')])
    const answer = await open('cuda', { LD_LIBRARY_PATH: driver })
    expect(answer).toMatchObject({ open: true, gpus: [], cpu: { memoryTotal: expect.any(Number) } })
    expect(answer.problem).toMatch(/its libraries cannot be opened: .*lib(cudart|cublas)|no NVIDIA driver|its driver shows no GPU/)
  })

  test('with a Vulkan loader but no GPU that is said too', async () => {
    const answer = await open('vulkan', { VK_DRIVER_FILES: join(folder, 'none.json'), VK_ICD_FILENAMES: join(folder, 'none.json') })
    expect(answer.problem).toMatch(/no Vulkan loader|its driver shows no GPU that can be used/)
  })
})
