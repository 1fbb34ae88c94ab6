/** The judge that the settings name: behind an endpoint, or a GGUF file on this machine. */
import { StudioError } from '../../contract/errors.ts'
import { judgeAt } from './judge-endpoint.ts'
import { localJudge } from './judge-local.ts'
import type { JudgeSettings } from './judge-settings.ts'
import type { Judge, Question } from './question.ts'
import type { Surroundings } from './source.ts'

/** @throws StudioError for a key that is not there or a file that is no model */
export async function openJudge<T>(settings: JudgeSettings, question: Question<T>, { models, secrets, signal }: Pick<Surroundings, 'models' | 'secrets' | 'signal'>): Promise<Judge<T>> {
  const { url, model, file, key } = settings
  if (url !== null && model !== null) return judgeAt({ ...settings, url, model }, question, key === null ? null : await secrets.read(key), signal)
  if (file !== null) return localJudge({ ...settings, file }, question, models, signal)
  throw new StudioError('bad-request', 'a judge is either an endpoint or a GGUF file')
}
