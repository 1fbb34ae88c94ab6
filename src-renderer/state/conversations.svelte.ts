/** The conversations of the project: their list, what is searched for in it, and what is done with one of them. */
import type { Conversation, ConversationFormat } from '../../src-main/contract/chat.ts'
import { call } from './connection.ts'
import { debounced } from './debounce.ts'
import { deletions } from './deletions.svelte.ts'
import { notices } from './notices.svelte.ts'
import { PagedRows } from './paged.svelte.ts'
import { studio } from './studio.svelte.ts'

const panelKey = 'chat.conversations'
const endings: Record<ConversationFormat, string> = { markdown: 'md', json: 'json', messages: 'jsonl' }

class Conversations {
  search = $state('')
  readonly list = new PagedRows<Conversation>()
  /** Whether the list is shown beside the chat; kept for the next time. */
  panel = $state(localStorage.getItem(panelKey) !== 'closed')

  searchSoon = debounced(() => void this.refresh(), 120)

  constructor() {
    studio.onProjectChange((other) => {
      if (other) this.search = ''
      if (studio.project === null) void this.list.load(null)
      else void this.refresh()
    })
  }

  togglePanel(): void {
    this.panel = !this.panel
    localStorage.setItem(panelKey, this.panel ? 'open' : 'closed')
  }

  async refresh(): Promise<void> {
    const { search } = this
    await this.list.load(async (offset, limit) => {
      const { total, conversations } = await call('chat.conversations', { search, offset, limit })
      return { total, rows: conversations }
    })
  }

  /** Rows without those that were deleted and may still come back. */
  shown = $derived.by(() => {
    const { rows } = this.list
    const hidden: number[] = []
    for (let i = 0; i < rows.length; i++) {
      const row = rows.at(i)
      if (row === undefined) break // what was deleted is among the rows that were seen
      if (deletions.has(deletionKey(row.id))) hidden.push(i)
    }
    return {
      length: rows.length - hidden.length,
      at: (index: number): Conversation | undefined => rows.at(hidden.reduce((place, gone) => (gone <= place ? place + 1 : place), index))
    }
  })

  /** @returns the title that it has now */
  async rename(conversation: number, title: string): Promise<string | undefined> {
    const renamed = await notices.guard(() => call('chat.rename', { conversation, title }))
    await this.refresh()
    return renamed?.title
  }

  delete(conversation: number, title: string): void {
    deletions.add(deletionKey(conversation), `The conversation “${title}”`, async () => {
      await call('chat.delete', { conversation })
      await this.refresh()
    })
  }

  isDeleted(conversation: number): boolean {
    return deletions.has(deletionKey(conversation))
  }

  /** Asks where to. @param turn the end of the way through it that is shown */
  async export(conversation: number, title: string, turn: number | null, format: ConversationFormat): Promise<void> {
    await notices.guard(async () => {
      const name = `${title.replaceAll(/[\\/:*?"<>|\p{Cc}]/gu, '-').slice(0, 80)}.${endings[format]}`
      const file = await call('dialog.save', { title: 'Export the conversation', name, extensions: [endings[format]] })
      if (file === null) return
      await call('chat.export', { conversation, turn, format, file })
      notices.add('info', `The conversation was written to ${file}.`)
    })
  }
}

function deletionKey(conversation: number): string {
  return `conversation ${conversation}`
}

export const conversations = new Conversations()
