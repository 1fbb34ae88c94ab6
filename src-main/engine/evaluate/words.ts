/** Words as the metrics count them: runs of letters, digits and inner apostrophes, in lower case. */
const word = /[\p{L}\p{N}]+(?:['’][\p{L}\p{N}]+)*/gu

export function wordsOf(text: string): string[] {
  return (text.toLowerCase().match(word) ?? []).map((w) => w.replaceAll('’', "'"))
}
