// Draws icon.png from icon.svg, with the browser that is there anyway: `npx electron resources/icon/render.mjs`
// (as root with --no-sandbox). The picture is committed, so that packages are built without a screen.
import { app, BrowserWindow } from 'electron'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const size = 1024 // pixels a side; electron-builder makes every smaller size, .ico and .icns of it

app.disableHardwareAcceleration()
void app.whenReady().then(async () => {
  const svg = readFileSync(join(import.meta.dirname, 'icon.svg'), 'utf8')
  const window = new BrowserWindow({ width: size, height: size, useContentSize: true, show: false, frame: false, transparent: true, webPreferences: { offscreen: true } })
  await window.loadURL('about:blank')
  // through a canvas: a window may not be larger than the screen, and its pixels not those of the file
  const address = await window.webContents.executeJavaScript(`new Promise((resolve, reject) => {
    const image = new Image()
    image.onerror = () => reject(new Error('icon.svg cannot be drawn'))
    image.onload = () => {
      const canvas = document.createElement('canvas')
      canvas.width = canvas.height = ${size}
      canvas.getContext('2d').drawImage(image, 0, 0, ${size}, ${size})
      resolve(canvas.toDataURL('image/png'))
    }
    image.src = ${JSON.stringify(`data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`)}
  })`)
  writeFileSync(join(import.meta.dirname, 'icon.png'), Buffer.from(address.slice(address.indexOf(',') + 1), 'base64'))
  app.quit()
})
