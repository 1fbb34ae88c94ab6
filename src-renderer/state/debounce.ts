/** Runs `fn` once, `wait` milliseconds after the last call. */
export function debounced(fn: () => void, wait: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  return () => {
    clearTimeout(timer)
    timer = setTimeout(fn, wait)
  }
}

/** Runs `fn` at most once every `wait` milliseconds, and once more after the last call. */
export function throttled(fn: () => void, wait: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  return () => {
    timer ??= setTimeout(() => {
      timer = undefined
      fn()
    }, wait)
  }
}
