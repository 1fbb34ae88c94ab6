/** Hands the page the ports to the engine and to the app, and the path of a file that a person dropped on it; nothing else. */
import { contextBridge, ipcRenderer, webUtils } from 'electron'

for (const name of ['studio-port', 'app-port']) {
  ipcRenderer.on(name, (event) => window.postMessage(name, location.origin === 'null' ? '*' : location.origin, event.ports))
}

// of a File that the page made itself there is no path: the answer is then ''
contextBridge.exposeInMainWorld('droppedFiles', { pathOf: (file: File): string => webUtils.getPathForFile(file) })
