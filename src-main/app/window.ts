/** The one window. */
import { app, BrowserWindow, nativeTheme } from 'electron'
import { join } from 'node:path'

export function createWindow(): BrowserWindow {
  const window = new BrowserWindow({
    width: 1280,
    height: 840,
    minWidth: 900,
    minHeight: 600,
    show: false,
    title: 'RE-Control Studio',
    backgroundColor: nativeTheme.shouldUseDarkColors ? '#15181d' : '#fbfbfc',
    webPreferences: {
      preload: join(import.meta.dirname, '..', 'preload', 'preload.cjs'),
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webviewTag: false,
      devTools: !app.isPackaged,
      spellcheck: false // it would fetch dictionaries
    }
  })
  window.once('ready-to-show', () => window.show())
  return window
}
