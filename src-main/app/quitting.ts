/** The question before an end that would interrupt something. */
import { type BrowserWindow, dialog } from 'electron'

/** @param running jobs, downloads included @returns whether the app may end; jobs that run are then paused */
export async function mayQuit(running: number, window: BrowserWindow | null): Promise<boolean> {
  if (running === 0 || window === null || window.isDestroyed()) return true
  const { response } = await dialog.showMessageBox(window, {
    type: 'question',
    message: running === 1 ? 'A job is still running.' : `${running} jobs are still running.`,
    detail: 'They are paused and can be resumed when the project is opened again. Nothing that is finished is lost.',
    buttons: ['Pause and quit', 'Stay'],
    defaultId: 1,
    cancelId: 1,
    noLink: true
  })
  return response === 0
}
