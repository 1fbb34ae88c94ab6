/** Types of a tensor's elements, by safetensors' names, and their values. Everything is little-endian. */

export const elementBytes = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 } as const
export type DType = keyof typeof elementBytes

export function isDType(name: string): name is DType {
  return Object.hasOwn(elementBytes, name)
}

export function isFloat(dtype: DType): boolean {
  return dtype === 'F64' || dtype === 'F32' || dtype === 'F16' || dtype === 'BF16'
}

/** The elements as float32, rounded to nearest where they are float64 or long integers. */
export function toFloat32(dtype: DType, bytes: Buffer): Float32Array {
  const whole = ownBytes(bytes)
  switch (dtype) {
    case 'F32':
      return new Float32Array(whole)
    case 'F64':
      return Float32Array.from(new Float64Array(whole))
    case 'F16':
      return Float32Array.from(new Float16Array(whole))
    case 'BF16': {
      // the upper half of a float32
      const halves = new Uint16Array(whole)
      const bits = new Uint32Array(halves.length)
      for (let i = 0; i < halves.length; i++) bits[i] = (halves[i] as number) << 16
      return new Float32Array(bits.buffer)
    }
    default:
      return Float32Array.from(toIntegers(dtype, bytes))
  }
}

/** The elements as float16 bits, rounded to nearest; what is too large for float16 becomes an infinity. */
export function toFloat16Bits(dtype: DType, bytes: Buffer): Uint16Array {
  if (dtype === 'F16') return new Uint16Array(ownBytes(bytes))
  // not by way of float32, which would round twice
  const values = dtype === 'F64' ? new Float64Array(ownBytes(bytes)) : toFloat32(dtype, bytes)
  return new Uint16Array(new Float16Array(values).buffer)
}

/** Whole numbers; those of 64 bits that a JavaScript number cannot tell apart become NaN. @throws never */
export function toIntegers(dtype: DType, bytes: Buffer): Float64Array {
  const whole = ownBytes(bytes)
  switch (dtype) {
    case 'I64':
      return Float64Array.from(new BigInt64Array(whole), (value) => (Number.isSafeInteger(Number(value)) ? Number(value) : NaN))
    case 'I32':
      return Float64Array.from(new Int32Array(whole))
    case 'I16':
      return Float64Array.from(new Int16Array(whole))
    case 'I8':
      return Float64Array.from(new Int8Array(whole))
    case 'U8':
    case 'BOOL':
      return Float64Array.from(new Uint8Array(whole))
    default:
      return Float64Array.from(toFloat32(dtype, bytes))
  }
}

/** Index of the first float16 that is an infinity or no number; -1 where all are finite. */
export function firstNotFinite(halves: Uint16Array): number {
  for (let i = 0; i < halves.length; i++) if (((halves[i] as number) & 0x7c00) === 0x7c00) return i
  return -1
}

/** The bytes at the start of a buffer of their own: typed arrays need them aligned. */
function ownBytes(bytes: Buffer): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = bytes
  if (buffer instanceof ArrayBuffer && byteOffset === 0 && byteLength === buffer.byteLength) return buffer
  const own = new ArrayBuffer(byteLength)
  new Uint8Array(own).set(bytes)
  return own
}
