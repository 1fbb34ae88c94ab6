/** Goes on when a model host dies: with a growing pause, and no longer than three deaths in a row without progress. */
import { setTimeout as pause } from 'node:timers/promises'
import { StudioError } from '../../contract/errors.ts'

const maxDeaths = 3
const firstPause = 500 // milliseconds; doubled each time

/**
 * @param attempt gets a host and works with it; it must go on from what it has kept, and says so through `progressed`,
 * which counts as a fresh start
 * @param died is told of each death after which there is another attempt
 */
export async function survivingDeaths<T>(attempt: (progressed: () => void) => Promise<T>, died: (text: string) => void, signal?: AbortSignal): Promise<T> {
  let deaths = 0
  for (;;) {
    try {
      return await attempt(() => (deaths = 0))
    } catch (error) {
      if (!(error instanceof StudioError) || error.code !== 'model-host-exited' || signal?.aborted === true) throw error
      deaths++
      if (deaths >= maxDeaths) {
        throw new StudioError('model-host-exited', `${error.message} ${deaths} times in a row; what was finished is kept, and the job can be resumed`, { retryable: true })
      }
      died(`${sentence(error.message)}. What was finished is kept; starting it again (${deaths} of ${maxDeaths - 1})`)
      await pause(firstPause * 2 ** (deaths - 1), undefined, { signal }).catch(() => {
        throw new StudioError('cancelled', 'stopped')
      })
    }
  }
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
