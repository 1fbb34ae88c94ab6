/** What was said before, as a pane of the chat goes on from it. */
import type { Message } from '../../contract/data.ts'
import type { Exchange } from '../project/turns.ts'

/**
 * Each prompt with this pane's own answer, user and assistant alternating. Where the pane said nothing in a turn (there
 * were fewer panes, or it was stopped at once), the first pane's answer stands for it, or the next that there is; a turn
 * that nobody answered is left out.
 */
export function historyOf(exchanges: Exchange[], pane: number): Message[] {
  return exchanges.flatMap(({ prompt, answers }): Message[] => {
    const answer = answers[pane] || answers.find((text) => text !== '')
    return answer === undefined ? [] : [{ role: 'user', content: prompt }, { role: 'assistant', content: answer }]
  })
}
