/** What the help says. It stands on its own: nothing is fetched. */
import type { StageName } from '../../src-main/contract/project.ts'

export const stageHelp: Record<StageName, string> = {
  model: 'Choose the GGUF model that is steered; its weights are never changed. The studio shows whether it fits this machine and which device runs it.',
  data: 'Import prompts, or pairs of a preferred and a rejected answer. Rows that cannot be used are listed with their reason, and the preview shows a prompt exactly as the model gets it.',
  collect: 'The model answers every prompt, and the hidden state before each token is written to the disk. These states are what the value function learns from.',
  reward: 'Give every whole response a number: by rules, by a reward model, by a judge, or by hand. A label that failed stays a failure and never counts as 0.',
  train: 'A small network learns the value of a state: the standardised reward to come. The kept epoch is the one with the smallest error on prompts that it did not see.',
  chat: 'One prompt goes to several methods at once, from the same seed. Every token shows its value before and after the edit.',
  evaluate: 'Compare methods on held-out prompts: reward, diversity, time and what else you measure, with intervals and paired tests. Each figure leads to the responses behind it.'
}

export interface Term {
  term: string
  means: string
}

export const terms: Term[] = [
  { term: 'Value', means: 'What the value function predicts from one hidden state: the reward of the whole response, in standard deviations from the mean reward of its training responses.' },
  { term: '|Δh| / |h|', means: 'The size of an edit: its length over the length of the state that it changes. 0 is no edit; at 1 the edit is as long as the state.' },
  { term: 'Step size (alpha)', means: 'How far one update moves the state along the gradient, in units of the standardised state x = (h − μ) / c. A step of alpha is a step of alpha · c² in h.' },
  { term: 'Updates (n)', means: 'How many such steps are taken at each token. The next token is drawn from the state after the last step.' },
  { term: 'Interval', means: '95 %, from a bootstrap over prompts: answers of several seeds to one prompt are averaged first, as they are not independent.' },
  { term: 'p', means: 'How often a difference as large would come about if both methods were alike: a sign-flip test over the same prompts, corrected by Holm for the number of comparisons.' },
  { term: 'Return error', means: 'The mean of (V(h) − r)² over the tokens of unseen responses, in standardised rewards. Predicting the mean for every state gives about 1.' },
  { term: 'Promoted tokens', means: 'Those whose logits rise most when unseen states move along the mean gradient of V, by 10 % of their mean length: what an edit makes the model say. Suppressed tokens fall most.' },
  { term: 'Over-optimisation alarm', means: 'The reward rises beyond doubt while another measure falls (Holm p below 0.05). The method may please the reward and not the reader: read the responses.' }
]

export const departures: string[] = [
  'The reward is learned at the last token that was generated. The public code takes the first one by mistake.',
  'The Bellman loss stops the gradient at the next state, as the paper writes it. The form without that can be chosen and is labelled.',
  'States are standardised with one common scale c, and alpha is in those units. Imported value functions have c = 1, so the paper’s alphas keep their meaning.',
  'The kept epoch has the smallest return error on unseen prompts. The Bellman loss cannot choose, as a flat V has almost none.',
  'With one hidden layer, n updates are computed by a shortcut that gives the same numbers as n explicit steps, at about the cost of two.',
  'Coherence is measured with all-MiniLM-L6-v2, not with SimCSE. A judge’s win counts only when both orders of the two answers agree.'
]
