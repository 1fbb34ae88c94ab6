/** Which of a list is in front: what is to be shown now, else what was in front, else the last; null in an empty list. */
export function pick(list: readonly { id: number }[], show: number | null, before: number | null): number | null {
  return [show, before].find((id) => list.some((one) => one.id === id)) ?? list.at(-1)?.id ?? null
}
