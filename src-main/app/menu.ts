/** The usual menu: editing, view and window; everything of the studio itself is in the page. */
import { Menu } from 'electron'
import { helpMenu } from './help-menu.ts'

export function installMenu(): void {
  const roles: Electron.MenuItemConstructorOptions[] = [{ role: 'fileMenu' }, { role: 'editMenu' }, { role: 'viewMenu' }, { role: 'windowMenu' }, helpMenu()]
  Menu.setApplicationMenu(Menu.buildFromTemplate(process.platform === 'darwin' ? [{ role: 'appMenu' }, ...roles] : roles))
}
