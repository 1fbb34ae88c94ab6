/** Hands the page the port to the engine, and the path of a file that a person dropped on it; nothing else. */
import { contextBridge, ipcRenderer, webUtils } from 'electron'

ipcRenderer.on('studio-port', (event) => {
  window.postMessage('studio-port', location.origin === 'null' ? '*' : location.origin, event.ports)
})

// of a File that the page made itself there is no path: the answer is then ''
contextBridge.exposeInMainWorld('droppedFiles', { pathOf: (file: File): string => webUtils.getPathForFile(file) })
