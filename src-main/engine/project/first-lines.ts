/** Which line had an example first: an open-addressed table of 64-bit digests, 12 bytes a slot, as a Map of a million would take ten times as much. */

const slotLength = 3

export class FirstLines {
  /** (capacity, [digest low, digest high, line]); a line of 0 is an empty slot */
  #slots = new Uint32Array(1024 * slotLength)
  #capacity = 1024
  #count = 0

  /** The line that had this digest first; null when that is `line` itself, which it is from now on. */
  see([low, high]: [low: number, high: number], line: number): number | null {
    if (this.#count * 2 >= this.#capacity) this.#grow()
    const at = this.#slotOf(low, high)
    const first = this.#slots[at + 2] as number
    if (first !== 0) return first
    this.#slots.set([low, high, line], at)
    this.#count++
    return null
  }

  /** Where this digest is, or the empty slot where it belongs. */
  #slotOf(low: number, high: number): number {
    for (let slot = low & (this.#capacity - 1); ; slot = (slot + 1) & (this.#capacity - 1)) {
      const at = slot * slotLength
      if (this.#slots[at + 2] === 0 || (this.#slots[at] === low && this.#slots[at + 1] === high)) return at
    }
  }

  #grow(): void {
    const old = this.#slots
    this.#capacity *= 2
    this.#slots = new Uint32Array(this.#capacity * slotLength)
    for (let at = 0; at < old.length; at += slotLength) {
      if (old[at + 2] !== 0) this.#slots.set(old.subarray(at, at + slotLength), this.#slotOf(old[at] as number, old[at + 1] as number))
    }
  }
}
