/** Work that is cut off: a regular expression of a person can take longer than the universe has been there (/(a+)+$/). */
import { createContext, Script } from 'node:vm'

const context = createContext({ work: null }) as { work: (() => void) | null }
const call = new Script('work()')

/** @returns whether it came to its end within the time. @throws what the work throws */
export function limited(milliseconds: number, work: () => void): boolean {
  context.work = work
  try {
    call.runInContext(context, { timeout: milliseconds })
    return true
  } catch (error) {
    if ((error as { code?: unknown } | null)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
    return false
  } finally {
    context.work = null
  }
}
