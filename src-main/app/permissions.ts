/** A page may not open windows, navigate, attach views, save downloads or get any permission or device. */
import type { Session, WebContents } from 'electron'

const page = 'studio://app/index.html'

export function denyEverything(contents: WebContents): void {
  contents.setWindowOpenHandler(() => ({ action: 'deny' }))
  // the page itself may be loaded again; a dropped file or a link would be a navigation too
  contents.on('will-frame-navigate', (event) => (event.url !== page || !event.isMainFrame) && event.preventDefault())
  contents.on('will-redirect', (event) => event.preventDefault())
  contents.on('will-attach-webview', (event) => event.preventDefault())
  denySession(contents.session)
}

function denySession(session: Session): void {
  session.setPermissionRequestHandler((_contents, _permission, answer) => answer(false))
  session.setPermissionCheckHandler(() => false)
  session.setDevicePermissionHandler(() => false)
  session.setDisplayMediaRequestHandler((_request, answer) => answer({}))
  session.removeAllListeners('will-download')
  session.on('will-download', (event) => event.preventDefault())
  // nothing but the page's own files, and what developer tools need; the network is the engine's, when a person asks
  session.webRequest.onBeforeRequest(({ url }, answer) => answer({ cancel: !/^(studio|devtools|data|blob|file):/.test(url) }))
}
