/** Whether responses of which V promises more have more: predictions in bins of equally many, each with its mean reward. */
import { mean } from 'simple-statistics'

export interface CalibrationBin {
  /** the lowest and the highest prediction in it */
  from: number
  to: number
  responses: number
  predicted: number
  reward: number
}

/** @param points both in the reward's units */
export function calibrationBins(points: { reward: number; predicted: number }[], bins: number): CalibrationBin[] {
  const sorted = [...points].sort((a, b) => a.predicted - b.predicted)
  return Array.from({ length: bins }, (_, i) => sorted.slice(Math.round((i * sorted.length) / bins), Math.round(((i + 1) * sorted.length) / bins)))
    .filter((own) => own.length > 0)
    .map((own) => ({
      from: own[0]?.predicted ?? 0,
      to: own.at(-1)?.predicted ?? 0,
      responses: own.length,
      predicted: mean(own.map((point) => point.predicted)),
      reward: mean(own.map((point) => point.reward))
    }))
}
