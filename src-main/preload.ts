/** Hands the page the port to the engine, and nothing else. */
import { ipcRenderer } from 'electron'

ipcRenderer.on('studio-port', (event) => {
  window.postMessage('studio-port', location.origin === 'null' ? '*' : location.origin, event.ports)
})
