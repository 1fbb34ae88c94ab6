/**
 * Diversity (Kong et al. 2024, after Su et al. 2022): the product over n = 2..4 of 1 - rep_n / 100 with
 * rep_n = 100 (1 - distinct n-grams / (n-grams + 1)), on word tokens.
 */
import { wordsOf } from './words.ts'

/** From 0 (one word repeated) towards 1; a text without a 4-gram has none. */
export function diversity(text: string): number | null {
  const words = wordsOf(text)
  if (words.length < 4) return null
  let product = 1
  for (let n = 2; n <= 4; n++) {
    const grams = words.length - n + 1
    const distinct = new Set(Array.from({ length: grams }, (_, i) => words.slice(i, i + n).join(' '))).size
    product *= distinct / (grams + 1)
  }
  return product
}
