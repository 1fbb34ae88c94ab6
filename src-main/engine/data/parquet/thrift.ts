/**
 * Walks over a value in Thrift's compact protocol before hyparquet parses it: hyparquet believes what it reads, and a
 * length that lies would cost it gigabytes, a number of a million digits hours.
 */
const [stop, yes, no, byte, i16, i32, i64, double, binary, list, struct] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12]
const maxDepth = 32
const longestNumber = 10 // bytes of a 64-bit number, seven bits in each

export class TruncatedThrift extends Error {}

/** @returns the offset behind the struct @throws TruncatedThrift when it goes on behind the bytes, Error when it lies */
export function endOfStruct(bytes: Uint8Array, offset: number, maxValues: number): number {
  return new Walk(bytes, offset, maxValues).struct(0)
}

class Walk {
  readonly #bytes: Uint8Array
  #at: number
  #left: number

  constructor(bytes: Uint8Array, offset: number, maxValues: number) {
    this.#bytes = bytes
    this.#at = offset
    this.#left = maxValues
  }

  struct(depth: number): number {
    if (depth > maxDepth) throw new Error('its metadata are nested too deep')
    for (;;) {
      const field = this.#byte()
      const type = field & 0x0f
      if (type === stop) return this.#at
      if (field >> 4 === 0) this.#number()
      this.#value(type, depth)
    }
  }

  #value(type: number, depth: number): void {
    if (--this.#left < 0) throw new Error('its metadata hold too many values')
    switch (type) {
      case yes:
      case no:
        return
      case byte:
        this.#skip(1)
        return
      case i16:
      case i32:
      case i64:
        this.#number()
        return
      case double:
        this.#skip(8)
        return
      case binary:
        this.#skip(this.#number())
        return
      case list: {
        const head = this.#byte()
        const size = head >> 4 === 15 ? this.#number() : head >> 4
        if (size > this.#bytes.length - this.#at) throw new TruncatedThrift('its metadata have a list that is longer than they are')
        const element = head & 0x0f
        for (let i = 0; i < size; i++) this.#value(element === yes || element === no ? byte : element, depth + 1)
        return
      }
      case struct:
        this.struct(depth + 1)
        return
      default:
        throw new Error(`its metadata hold a value of an unknown type (${type})`)
    }
  }

  #byte(): number {
    const value = this.#bytes[this.#at++]
    if (value === undefined) throw new TruncatedThrift('its metadata end too early')
    return value
  }

  #skip(bytes: number): void {
    this.#at += bytes
    if (this.#at > this.#bytes.length) throw new TruncatedThrift('its metadata have a text that is longer than they are')
  }

  #number(): number {
    let value = 0
    for (let i = 0; i < longestNumber; i++) {
      const part = this.#byte()
      value += (part & 0x7f) * 2 ** (7 * i)
      if (part < 0x80) return value
    }
    throw new Error('its metadata hold a number that is too long')
  }
}
