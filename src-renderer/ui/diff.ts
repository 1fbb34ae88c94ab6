/** A word diff of two texts: longest common subsequence over words and the white space between them. */

export interface Piece {
  text: string
  /** Whether the other text has it too. */
  same: boolean
}

/** Cells of the table beyond which the middle is shown as wholly different: 4 million are 8 MB and about 20 ms. */
const mostCells = 4_000_000

/** The pieces of `a` and of `b`; joined, each gives its text again. `whole` is true where the middle was too long to compare. */
export function wordDiff(a: string, b: string): { a: Piece[]; b: Piece[]; whole: boolean } {
  const left = words(a)
  const right = words(b)
  let start = 0
  while (start < left.length && start < right.length && left[start] === right[start]) start += 1
  let end = 0
  while (end < left.length - start && end < right.length - start && left[left.length - 1 - end] === right[right.length - 1 - end]) end += 1

  const middleLeft = left.slice(start, left.length - end)
  const middleRight = right.slice(start, right.length - end)
  const common = commonWords(middleLeft, middleRight)
  const side = (all: string[], middle: string[], same: Uint8Array): Piece[] =>
    pieces([
      ...all.slice(0, start).map((text) => ({ text, same: true })),
      ...middle.map((text, i) => ({ text, same: same[i] === 1 })),
      ...all.slice(all.length - end).map((text) => ({ text, same: true }))
    ])
  return { a: side(left, middleLeft, common.left), b: side(right, middleRight, common.right), whole: middleLeft.length * middleRight.length > mostCells }
}

function words(text: string): string[] {
  return text.split(/(\s+)/).filter((word) => word !== '')
}

/** For each side, 1 where the word belongs to the longest common subsequence. */
function commonWords(left: string[], right: string[]): { left: Uint8Array; right: Uint8Array } {
  const result = { left: new Uint8Array(left.length), right: new Uint8Array(right.length) }
  const width = right.length + 1
  if (left.length * right.length > mostCells) return result
  // lengths[i * width + j]: the longest common subsequence of left[i..] and right[j..]
  const lengths = new Uint16Array((left.length + 1) * width)
  const at = (i: number, j: number): number => lengths[i * width + j] ?? 0
  for (let i = left.length - 1; i >= 0; i -= 1) {
    for (let j = right.length - 1; j >= 0; j -= 1) {
      lengths[i * width + j] = left[i] === right[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  }
  for (let i = 0, j = 0; i < left.length && j < right.length; ) {
    if (left[i] === right[j]) {
      result.left[i++] = 1
      result.right[j++] = 1
    } else if (at(i + 1, j) >= at(i, j + 1)) i += 1
    else j += 1
  }
  return result
}

/** Joins neighbours of the same kind. */
function pieces(parts: Piece[]): Piece[] {
  const joined: Piece[] = []
  for (const part of parts) {
    const last = joined.at(-1)
    if (last !== undefined && last.same === part.same) last.text += part.text
    else joined.push({ ...part })
  }
  return joined
}
