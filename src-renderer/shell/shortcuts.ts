/** The keys of the whole window, as the shortcuts' sheet, the palette and tooltips name them. */
const mac = navigator.platform.startsWith('Mac')
export const mod = mac ? '⌘' : 'Ctrl+'
/** Without Shift it is a new conversation. */
export const newProjectKeys = mac ? '⇧⌘N' : 'Ctrl+Shift+N'

export interface Shortcut {
  keys: string
  does: string
}

export const shortcuts: { title: string; list: Shortcut[] }[] = [
  {
    title: 'Anywhere',
    list: [
      { keys: `${mod}K`, does: 'Find a command' },
      { keys: `${mod}1 to ${mod}7`, does: 'Go to a stage' },
      { keys: `${mod}.`, does: 'Go to the next stage' },
      { keys: `${mod}Enter`, does: 'Run what the stage offers' },
      { keys: 'Esc', does: 'Stop the answer; pause the job of the stage' },
      { keys: 'F1', does: 'Help' },
      { keys: `${mod}/ or ?`, does: 'These shortcuts' },
      { keys: `${mod},`, does: 'Settings' },
      { keys: newProjectKeys, does: 'New project' },
      { keys: `${mod}O`, does: 'Open a project' }
    ]
  },
  {
    title: 'In forms and lists',
    list: [
      { keys: 'Enter', does: 'Run the form; send the prompt' },
      { keys: 'Shift+Enter', does: 'A new line in the prompt' },
      { keys: 'Up, Down', does: 'The row before, the row after' },
      { keys: 'Page Up, Page Down', does: 'A screen of rows' },
      { keys: 'Home, End', does: 'The first row, the last row' },
      { keys: `${mod}N`, does: 'New conversation, in the chat' },
      { keys: 'Left, Right', does: 'The token before, the token after, in an answer' }
    ]
  }
]
