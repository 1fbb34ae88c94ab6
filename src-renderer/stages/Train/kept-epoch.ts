import type { ValueFunctionDetail } from '../../../src-main/contract/value.ts'
import { hasUnseen } from '../../state/train.svelte.ts'
import { count, decimal } from '../../ui/format.ts'

/** Which epoch was kept, why, and what came after it. */
export function whyKept(detail: ValueFunctionDetail): string {
  const { curve, bestEpoch, epochs, settings, members } = detail
  const best = curve.find(({ epoch }) => epoch === bestEpoch)
  if (best === undefined || epochs <= 1) return ''
  const whose = members > 1 ? ' of the first member' : ''
  if (!hasUnseen(best)) return `Epoch ${count(bestEpoch)}${whose} is kept: it is the last, as no responses were set aside to choose by.`
  const kept = `Epoch ${count(bestEpoch)}${whose} is kept: its return error on unseen responses, ${decimal(best.returnError)}, is the lowest of ${count(epochs)}.`
  if (settings === null || bestEpoch === epochs) return `${kept}${bestEpoch === epochs ? ' It is the last one, so more epochs may be better still.' : ''}`
  if (settings.patience > 0 && epochs - bestEpoch >= settings.patience && epochs < settings.epochs) return `${kept} The training ended at epoch ${count(epochs)}, after ${count(settings.patience)} without a lower one.`
  return `${kept} The ${count(epochs - bestEpoch)} after it were worse.`
}
