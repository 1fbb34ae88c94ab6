/** The judge that the settings name: behind an endpoint, or a GGUF file on this machine. */
import { StudioError } from '../../contract/errors.ts'
import type { Door } from '../asked-for.ts'
import { addressOf } from './endpoint.ts'
import { judgeAt } from './judge-endpoint.ts'
import { localJudge } from './judge-local.ts'
import type { JudgeSettings } from './judge-settings.ts'
import type { Judge, Question } from './question.ts'
import type { Surroundings } from './source.ts'

/** Where an endpoint's requests go, and the key that goes with them; null for a file. */
export function judgeDoor({ url, key }: Pick<JudgeSettings, 'url' | 'key'>): Door | null {
  return url === null ? null : { origin: addressOf(url).origin, key }
}

/** @throws StudioError for an endpoint that nobody has asked for, a key that is not there or a file that is no model */
export async function openJudge<T>(settings: JudgeSettings, question: Question<T>, { models, secrets, asked, signal }: Pick<Surroundings, 'models' | 'secrets' | 'asked' | 'signal'>): Promise<Judge<T>> {
  const { url, model, file, key } = settings
  const door = judgeDoor(settings)
  if (door !== null) asked.require(door)
  if (url !== null && model !== null) return judgeAt({ ...settings, url, model }, question, key === null ? null : await secrets.read(key), signal)
  if (file !== null) return localJudge({ ...settings, file }, question, models, signal)
  throw new StudioError('bad-request', 'a judge is either an endpoint or a GGUF file')
}
