/** The native menu. What is the studio's own is asked of the page, which knows what can be done now. */
import { app, Menu, type MenuItemConstructorOptions } from 'electron'
import type { MenuCommand } from '../contract/shell.ts'
import { programItems } from './program-menu.ts'

const mac = process.platform === 'darwin'

export function installMenu(ask: (command: MenuCommand) => void): void {
  // the page listens to these keys itself; here they are only shown
  const item = (label: string, command: MenuCommand, accelerator?: string): MenuItemConstructorOptions => ({
    label, registerAccelerator: false, click: () => ask(command), ...(accelerator === undefined ? {} : { accelerator })
  })
  const stages: MenuItemConstructorOptions[] = [
    item('Model', 'model', 'CmdOrCtrl+1'),
    item('Data', 'data', 'CmdOrCtrl+2'),
    item('Collect', 'collect', 'CmdOrCtrl+3'),
    item('Reward', 'reward', 'CmdOrCtrl+4'),
    item('Train', 'train', 'CmdOrCtrl+5'),
    item('Chat', 'chat', 'CmdOrCtrl+6'),
    item('Evaluate', 'evaluate', 'CmdOrCtrl+7')
  ]
  const separator: MenuItemConstructorOptions = { type: 'separator' }
  const about = item(`About ${app.getName()}`, 'about')
  const settings = item('Settings', 'settings', 'CmdOrCtrl+,')
  Menu.setApplicationMenu(
    Menu.buildFromTemplate([
      ...(mac
        ? [{ label: app.getName(), submenu: [about, separator, settings, separator, { role: 'hide' as const }, { role: 'hideOthers' as const }, { role: 'unhide' as const }, separator, { role: 'quit' as const }] }]
        : []),
      {
        label: '&File',
        submenu: [
          item('New project', 'new-project', 'CmdOrCtrl+Shift+N'),
          item('Open project', 'open-project', 'CmdOrCtrl+O'),
          item('Open the sample project', 'open-sample'),
          item('Close project', 'close-project'),
          ...(mac ? [] : [separator, settings, separator, { role: 'quit' as const }])
        ]
      },
      { role: 'editMenu' },
      { label: '&Stage', submenu: [...stages, separator, item('Run', 'run', 'CmdOrCtrl+Enter'), item('Stop', 'stop', 'Esc')] },
      { role: 'viewMenu' },
      { role: 'windowMenu' },
      {
        label: '&Help',
        submenu: [item('Help', 'help', 'F1'), item('Keyboard shortcuts', 'shortcuts', 'CmdOrCtrl+/'), item('Commands', 'palette', 'CmdOrCtrl+K'), separator, ...programItems(), ...(mac ? [] : [separator, about])]
      }
    ])
  )
}
