/** The one window. */
import { app, BrowserWindow, nativeTheme } from 'electron'
import { join } from 'node:path'
import { keepWindowState, readWindowState, smallest } from './window-state.ts'

export function createWindow(): BrowserWindow {
  const { place, maximized, zoom } = readWindowState()
  const window = new BrowserWindow({
    ...place,
    minWidth: smallest.width,
    minHeight: smallest.height,
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
  window.once('ready-to-show', () => {
    if (maximized) window.maximize()
    window.show()
    keepWindowState(window)
  })
  window.webContents.once('did-finish-load', () => window.webContents.setZoomLevel(zoom))
  return window
}
