// Draws icon.png and the sizes that Linux wants from icon.svg, with the browser that is there anyway:
// `npx electron resources/icon/render.mjs` (as root with --no-sandbox). The pictures are committed, so that packages are
// built without a screen.
import { app, BrowserWindow } from 'electron'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

// pixels a side
const whole = 1024 // electron-builder makes .ico and .icns of it
const sizes = [16, 24, 32, 48, 64, 128, 256, 512]

app.disableHardwareAcceleration()
void app.whenReady().then(async () => {
  const svg = readFileSync(join(import.meta.dirname, 'icon.svg'), 'utf8')
  const window = new BrowserWindow({ show: false, webPreferences: { offscreen: true } })
  await window.loadURL('about:blank')
  // through a canvas: a window may not be larger than the screen, and its pixels are not those of the file
  const draw = async (size, file) => {
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
    writeFileSync(join(import.meta.dirname, file), Buffer.from(address.slice(address.indexOf(',') + 1), 'base64'))
  }
  await draw(whole, 'icon.png')
  mkdirSync(join(import.meta.dirname, 'sizes'), { recursive: true })
  for (const size of sizes) await draw(size, join('sizes', `${size}x${size}.png`))
  app.quit()
})
