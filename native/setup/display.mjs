// Whether a window can be shown here, and a virtual screen for tests where it cannot.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'

/** Resolves with true when there is a screen that answers. */
export async function hasDisplay() {
  if (process.platform !== 'linux') return true
  const { DISPLAY, WAYLAND_DISPLAY, XDG_RUNTIME_DIR } = process.env
  if (WAYLAND_DISPLAY && existsSync(path.resolve(XDG_RUNTIME_DIR ?? '/', WAYLAND_DISPLAY))) return true
  const [, host, number] = /^(.*):(\d+)(?:\.\d+)?$/.exec(DISPLAY ?? '') ?? []
  if (number === undefined) return false
  const socket = `/tmp/.X11-unix/X${number}`
  if (host !== '' && host !== 'unix') return answers({ host, port: 6000 + Number(number) })
  // Servers listen on a socket file, on Linux's abstract one, or on both.
  return (await answers({ path: socket })) || (await answers({ path: `\0${socket}` }))
}

/** Starts Xvfb on a free display; resolves with its name and a function that ends it. */
export async function startVirtualDisplay() {
  // With -displayfd Xvfb chooses the number itself and tells it when clients may connect.
  const server = spawn('Xvfb', ['-displayfd', '1', '-screen', '0', '1600x1100x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'pipe', 'ignore']
  })
  const stop = () => server.kill()
  process.once('exit', stop)
  const number = await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('exit', (code) => reject(new Error(`Xvfb ended with exit code ${code}`)))
    server.stdout.once('data', (chunk) => resolve(String(chunk).trim()))
  })
  server.unref()
  server.stdout.unref()
  return { name: `:${number}`, stop }
}

function answers(address) {
  return new Promise((resolve) => {
    const socket = connect(address)
    const end = (result) => {
      socket.destroy()
      resolve(result)
    }
    socket.setTimeout(2000, () => end(false))
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
  })
}
