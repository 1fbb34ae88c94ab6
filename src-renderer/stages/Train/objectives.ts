/** What the form says of each objective; the paper's first. */
import type { Objective } from '../../../src-main/contract/value.ts'

export const objectives: { value: Objective; label: string; about: string }[] = [
  { value: 'semi-gradient', label: 'Semi-gradient TD', about: "The paper's: each value is drawn to the next token's, which is taken as a constant, and the last one to the reward." },
  { value: 'td-lambda', label: 'TD(lambda)', about: 'Each value is drawn to a mix of the next values and the reward.' },
  { value: 'monte-carlo', label: 'Monte Carlo', about: 'Each value is drawn to the reward.' },
  { value: 'full-gradient', label: 'Full gradient', about: "As the paper's, but the next token's value is differentiated, too, and so is drawn back to this one." },
  { value: 'as-published', label: "As in the paper's public code", about: 'The full gradient, and the reward is that of the first token instead of the last: to compare with.' },
  { value: 'pref-ctrl', label: 'Pref-CTRL: with pairs of answers', about: "The paper's, and the value of a chosen answer rises above that of the rejected one, and draws the response's own to it. The paper of Pref-CTRL trains 50 epochs at a learning rate of 1e-5." },
  { value: 'difference-of-means', label: 'Difference of means, without training', about: 'A linear value along the difference of the mean states of high and low rewards.' },
  { value: 'mean-gradient', label: 'Mean gradient of another, without training', about: "A linear value along another value function's gradient, averaged over the training states: a fixed direction for Static RE." }
]

/** What no training makes takes none of its settings. */
export const untrained: readonly Objective[] = ['difference-of-means', 'mean-gradient']
