/** How many bytes a tensor has in a GGUF file: ggml stores the quantised types in blocks of 32 or 256 numbers. */
import { GGMLQuantizationType as T } from '@huggingface/gguf'

/** type -> [numbers a block, bytes a block], from ggml's type traits */
const blocks: Partial<Record<number, readonly [number, number]>> = {
  [T.F32]: [1, 4], [T.F16]: [1, 2], [T.BF16]: [1, 2], [T.F64]: [1, 8],
  [T.I8]: [1, 1], [T.I16]: [1, 2], [T.I32]: [1, 4], [T.I64]: [1, 8],
  [T.Q4_0]: [32, 18], [T.Q4_1]: [32, 20], [T.Q5_0]: [32, 22], [T.Q5_1]: [32, 24], [T.Q8_0]: [32, 34],
  [T.Q2_K]: [256, 84], [T.Q3_K]: [256, 110], [T.Q4_K]: [256, 144], [T.Q5_K]: [256, 176], [T.Q6_K]: [256, 210],
  [T.IQ1_S]: [256, 50], [T.IQ1_M]: [256, 56], [T.IQ2_XXS]: [256, 66], [T.IQ2_XS]: [256, 74], [T.IQ2_S]: [256, 82],
  [T.IQ3_XXS]: [256, 98], [T.IQ3_S]: [256, 110], [T.IQ4_NL]: [32, 18], [T.IQ4_XS]: [256, 136]
}

/** 0 for a type that is not known here: then only llama.cpp can tell. */
export function tensorBytes({ shape, dtype }: { shape: bigint[]; dtype: number }): number {
  const block = blocks[dtype]
  const numbers = Number(shape.reduce((product, size) => product * size, 1n))
  return block === undefined ? 0 : (numbers / block[0]) * block[1]
}
