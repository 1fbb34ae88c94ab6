/** llama.cpp's backends by the names that people know. */
import type { Backend } from '../../../src-main/contract/device.ts'

export const backendTitles: Record<Backend, string> = { metal: 'Metal', cuda: 'CUDA', vulkan: 'Vulkan', cpu: 'CPU' }
