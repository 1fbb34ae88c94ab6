/** The page's own port to the engine, for what no button asks. */
import type { Page } from '@playwright/test'

export interface Answer {
  output?: unknown
  failure?: { code: string; message: string }
}

/** Loads the page again, so that its port is known here too. */
export async function takePort(page: Page): Promise<void> {
  await page.addInitScript(() =>
    window.addEventListener('message', ({ data, ports }) => data === 'studio-port' && Object.assign(window, { __port: ports[0] }))
  )
  await page.reload()
  await page.waitForFunction(() => '__port' in window)
}

/** What the page's own connection would get. */
export async function ask(page: Page, method: string, input: object): Promise<Answer> {
  return page.evaluate(
    ([name, given]) =>
      new Promise<Answer>((resolve) => {
        const port = (window as unknown as { __port: MessagePort }).__port
        const id = 1_000_000 + Math.floor(Math.random() * 1e9)
        port.addEventListener('message', ({ data }: MessageEvent<Answer & { id?: number }>) => data.id === id && resolve(data))
        port.postMessage({ id, method: name, input: given })
      }),
    [method, input] as const
  )
}
