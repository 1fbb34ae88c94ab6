/** The port between page and app, which the page has whether the engine lives or not. */
import { MessageChannelMain, type BrowserWindow } from 'electron'
import { appRequest, type AppRequest, type EngineState } from '../contract/supervision.ts'

export interface PagePort {
  tell(state: EngineState): void
}

/** To the page that the window shows now; only its main frame gets it. What is none of the requests is not answered. */
export function openPagePort(window: BrowserWindow, answers: Record<AppRequest, () => void>): PagePort {
  const { port1, port2 } = new MessageChannelMain()
  port1.on('message', ({ data }) => {
    const request = appRequest.safeParse(data)
    if (request.success) answers[request.data]()
  })
  port1.start()
  window.webContents.mainFrame.postMessage('app-port', null, [port2])
  return { tell: (state) => port1.postMessage(state) }
}
