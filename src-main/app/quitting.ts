/** The question before an end that would interrupt something. */
import { type BrowserWindow, dialog } from 'electron'

/** @param downloads that run or wait @returns whether the app may end; what runs is then paused */
export async function mayQuit(jobs: number, downloads: number, window: BrowserWindow | null): Promise<boolean> {
  if (jobs + downloads === 0 || window === null || window.isDestroyed()) return true
  const what = [counted(jobs, 'job'), counted(downloads, 'download')].filter((words) => words !== '').join(' and ')
  const { response } = await dialog.showMessageBox(window, {
    type: 'question',
    message: `${what.charAt(0).toUpperCase()}${what.slice(1)} ${jobs + downloads === 1 ? 'is' : 'are'} still running.`,
    detail: [
      ...(jobs === 0 ? [] : ['Jobs are paused and can be resumed when the project is opened again.']),
      ...(downloads === 0 ? [] : ['Downloads are paused and go on from there when you resume them.']),
      'Nothing that is finished is lost.'
    ].join(' '),
    buttons: ['Pause and quit', 'Stay'],
    defaultId: 1,
    cancelId: 1,
    noLink: true
  })
  return response === 0
}

function counted(count: number, what: string): string {
  return count === 0 ? '' : count === 1 ? `a ${what}` : `${count} ${what}s`
}
