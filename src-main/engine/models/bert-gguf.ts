/**
 * A sentence encoder of the BERT family as Hugging Face publishes it (config.json, tokenizer.json with a WordPiece
 * vocabulary, safetensors in float16) as what a GGUF file of llama.cpp's architecture `bert` holds. Matrices stay
 * float16; llama.cpp wants biases, norms and the tables of positions and types in float32.
 */
import { z } from 'zod'
import type { MetadataValue, Tensor } from './gguf-writer.ts'

export interface BertFiles {
  config: Buffer
  tokenizer: Buffer
  /** safetensors, float16 */
  weights: Buffer
}

const configSchema = z.object({
  hidden_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  intermediate_size: z.int().positive(),
  layer_norm_eps: z.number().positive(),
  max_position_embeddings: z.int().positive(),
  type_vocab_size: z.int().positive()
})
const tokenizerSchema = z.object({
  added_tokens: z.array(z.object({ id: z.int(), content: z.string() })),
  model: z.object({ type: z.literal('WordPiece'), continuing_subword_prefix: z.literal('##'), vocab: z.record(z.string(), z.int()) })
})
const headerSchema = z.record(z.string(), z.looseObject({ dtype: z.string().optional(), shape: z.array(z.int()).optional(), data_offsets: z.tuple([z.int(), z.int()]).optional() }))

/** [PAD], [UNK], ... by the keys that GGUF has for them; "seperator" is how it spells it */
const specialKeys: Record<string, string> = { '[PAD]': 'padding', '[UNK]': 'unknown', '[CLS]': 'bos', '[SEP]': 'seperator', '[MASK]': 'mask' }
const pooledByMean = 1 // llama.cpp's LLAMA_POOLING_TYPE_MEAN
const mostlyFloat16 = 1
const tokenKinds = { normal: 1, control: 3 }

/**
 * @param about.contextTokens of the longest text, [CLS] and [SEP] included; later positions are left out
 * @throws Error or ZodError for what is no such encoder
 */
export function bertGguf(files: BertFiles, about: { name: string; licence: string; contextTokens: number }): { metadata: Record<string, MetadataValue>; tensors: Tensor[] } {
  const config = configSchema.parse(JSON.parse(files.config.toString()))
  const contextTokens = Math.min(about.contextTokens, config.max_position_embeddings)
  return {
    metadata: {
      'general.architecture': { string: 'bert' },
      'general.name': { string: about.name },
      'general.license': { string: about.licence },
      'general.file_type': { u32: mostlyFloat16 },
      'bert.context_length': { u32: contextTokens },
      'bert.embedding_length': { u32: config.hidden_size },
      'bert.block_count': { u32: config.num_hidden_layers },
      'bert.feed_forward_length': { u32: config.intermediate_size },
      'bert.attention.head_count': { u32: config.num_attention_heads },
      'bert.attention.layer_norm_epsilon': { f32: config.layer_norm_eps },
      'bert.attention.causal': { bool: false },
      'bert.pooling_type': { u32: pooledByMean },
      ...vocabulary(files.tokenizer, config.type_vocab_size)
    },
    tensors: tensors(files.weights, config.num_hidden_layers, contextTokens)
  }
}

/** llama.cpp's WordPiece marks the beginnings of words (U+2581) and not what goes on from them (##). */
function vocabulary(tokenizer: Buffer, types: number): Record<string, MetadataValue> {
  const { added_tokens: special, model } = tokenizerSchema.parse(JSON.parse(tokenizer.toString()))
  const pieces = Object.entries(model.vocab).sort(([, a], [, b]) => a - b)
  if (pieces.some(([, id], i) => id !== i)) throw new Error('the vocabulary has gaps')
  const isSpecial = new Set(special.map(({ id }) => id))
  const marked = (piece: string): string => (piece.startsWith('##') ? piece.slice(2) : `\u2581${piece}`)
  return {
    'tokenizer.ggml.model': { string: 'bert' },
    'tokenizer.ggml.tokens': { strings: pieces.map(([piece, id]) => (isSpecial.has(id) ? piece : marked(piece))) },
    'tokenizer.ggml.token_type': { i32s: pieces.map(([, id]) => (isSpecial.has(id) ? tokenKinds.control : tokenKinds.normal)) },
    'tokenizer.ggml.token_type_count': { u32: types },
    ...Object.fromEntries(special.flatMap(({ id, content }) => (Object.hasOwn(specialKeys, content) ? [[`tokenizer.ggml.${specialKeys[content]}_token_id`, { u32: id }]] : [])))
  }
}

/** What ends in .weight and .bias, by its name there. */
function layerNames(layer: number): [from: string, to: string][] {
  const from = `encoder.layer.${layer}`
  const to = `blk.${layer}`
  return [
    [`${from}.attention.self.query`, `${to}.attn_q`],
    [`${from}.attention.self.key`, `${to}.attn_k`],
    [`${from}.attention.self.value`, `${to}.attn_v`],
    [`${from}.attention.output.dense`, `${to}.attn_output`],
    [`${from}.attention.output.LayerNorm`, `${to}.attn_output_norm`],
    [`${from}.intermediate.dense`, `${to}.ffn_up`],
    [`${from}.output.dense`, `${to}.ffn_down`],
    [`${from}.output.LayerNorm`, `${to}.layer_output_norm`]
  ]
}

function tensors(weights: Buffer, layers: number, contextTokens: number): Tensor[] {
  const headerBytes = Number(weights.readBigUInt64LE(0))
  const header = headerSchema.parse(JSON.parse(weights.toString('utf8', 8, 8 + headerBytes)))
  const read = (name: string): { shape: number[]; data: Float16Array } => {
    const { dtype, shape, data_offsets: offsets } = header[name] ?? {}
    if (dtype !== 'F16' || shape === undefined || offsets === undefined) throw new Error(`${name} is not there in float16`)
    const bytes = weights.subarray(8 + headerBytes + offsets[0], 8 + headerBytes + offsets[1])
    return { shape, data: new Float16Array(new Uint8Array(bytes).buffer) } // a copy, as an odd offset cannot be viewed
  }
  const asFloat16 = (from: string, to: string): Tensor => {
    const { shape, data } = read(from)
    return { name: to, dims: shape.toReversed(), data }
  }
  const asFloat32 = (from: string, to: string, rows?: number): Tensor => {
    const { shape: [length = 0, ...rest], data } = read(from)
    const kept = rows ?? length
    return { name: to, dims: [...rest.toReversed(), kept], data: Float32Array.from(data.subarray(0, (data.length / length) * kept)) }
  }
  const isMatrix = (name: string): boolean => read(name).shape.length === 2
  const pairs = [['embeddings.LayerNorm', 'token_embd_norm'] as const, ...Array.from({ length: layers }, (_, layer) => layerNames(layer)).flat()]
  return [
    asFloat16('embeddings.word_embeddings.weight', 'token_embd.weight'),
    asFloat32('embeddings.token_type_embeddings.weight', 'token_types.weight'),
    asFloat32('embeddings.position_embeddings.weight', 'position_embd.weight', contextTokens),
    ...pairs.flatMap(([from, to]) => [
      (isMatrix(`${from}.weight`) ? asFloat16 : asFloat32)(`${from}.weight`, `${to}.weight`),
      asFloat32(`${from}.bias`, `${to}.bias`)
    ])
  ]
}
