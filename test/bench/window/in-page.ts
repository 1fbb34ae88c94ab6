/** What the benchmark runs inside a page, as text: its functions are sent there and see nothing of this file. */

/** Frames from now on: `window.__frames.stop()` gives their lengths and those of the tasks above 50 ms. */
export const recordFrames = `(() => {
  const frames = []
  const tasks = []
  let last = performance.now()
  let going = true
  const observer = new PerformanceObserver((list) => list.getEntries().forEach((entry) => tasks.push(entry.duration)))
  observer.observe({ type: 'longtask' })
  const frame = () => {
    const now = performance.now()
    frames.push(now - last)
    last = now
    if (going) requestAnimationFrame(frame)
  }
  requestAnimationFrame(() => { last = performance.now(); requestAnimationFrame(frame) })
  window.__frames = { stop: () => { going = false; observer.disconnect(); return { frames, tasks } } }
})()`

export interface Recorded {
  /** milliseconds between frames */
  frames: number[]
  /** tasks of more than 50 ms */
  tasks: number[]
}

/**
 * Between the port and the page: tokens of an answer are held back, and their like are handed to the page's own
 * listener at the pace that \`__replay\` is asked for. One that was received is the pattern, so that it has every field.
 */
export const interceptTokens = `(() => {
  const own = Object.getOwnPropertyDescriptor(MessagePort.prototype, 'onmessage')
  const held = []
  const patterns = new Map()
  let receive = null
  const replay = { holding: false }
  Object.defineProperty(MessagePort.prototype, 'onmessage', {
    ...own,
    set(handler) {
      receive = handler
      own.set.call(this, (message) => {
        const { event, payload } = message.data
        if (!replay.holding || !['chat.token', 'chat.pane', 'chat.done'].includes(event)) return handler(message)
        if (event === 'chat.token') { if (!patterns.has(payload.pane)) patterns.set(payload.pane, payload) }
        else held.push(message.data)
      })
    }
  })
  const words = ['The', ' steered', ' answer', ' keeps', ' its', ' tone', ' and', ' says', ' what', ' it', ' knows', '.', ' Then', ' more', ',\\n']
  replay.panes = () => patterns.size
  replay.run = (perSecond, seconds) => new Promise((done) => {
    const start = performance.now()
    let sent = 0
    const timer = setInterval(() => {
      const due = Math.min(perSecond * seconds, Math.floor((performance.now() - start) / 1000 * perSecond))
      for (; sent < due; sent++) {
        const pattern = patterns.get(sent % patterns.size)
        const value = Math.sin(sent / 9)
        const step = { ...pattern.step, text: words[(sent * 7) % words.length], valueBefore: value, valueAfter: value + 0.2, edit: 0.01 + 0.005 * Math.cos(sent) }
        receive({ data: { event: 'chat.token', payload: { ...pattern, step } } })
      }
      if (sent >= perSecond * seconds) { clearInterval(timer); done(sent) }
    }, 5)
  })
  replay.end = () => {
    replay.holding = false
    patterns.clear()
    for (const data of held.splice(0)) receive({ data })
  }
  window.__replay = replay
})()`

/** Scrolls an element by so many pixels a frame. @returns when it has come to the end of its time */
export const scrollBy = (selector: string, pixels: number, ms: number): string => `new Promise((done) => {
  const box = document.querySelector(${JSON.stringify(selector)})
  const end = performance.now() + ${ms}
  const step = () => {
    box.scrollTop += ${pixels}
    if (performance.now() < end) requestAnimationFrame(step)
    else done()
  }
  requestAnimationFrame(step)
})`
