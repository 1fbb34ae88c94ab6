/** The chat: conversations, turns, answers. */
import { z } from 'zod'
import { methodChoice, tokenReading, tokenStep } from './control.ts'
import { ratingValue } from './rating.ts'
import { id } from './shared.ts'

/** How one pane's answer ended; the reward is its tone. */
export const answerEnd = z.object({
  finish: z.enum(['end', 'length', 'stopped']),
  tokensPerSecond: z.number(),
  reward: z.number().nullable()
})
export type AnswerEnd = z.infer<typeof answerEnd>

/** An answer read again after it had ended. */
export const answerReading = z.object({
  /** one a step */
  tokens: z.array(tokenReading),
  /** why there is no KL; null where there is */
  note: z.string().nullable()
})
export type AnswerReading = z.infer<typeof answerReading>

export const chatPane = z.object({
  method: methodChoice,
  text: z.string(),
  steps: z.array(tokenStep),
  end: answerEnd.nullable(),
  /** thumbs up or down */
  rating: ratingValue.nullable().default(null)
})
export type ChatPane = z.infer<typeof chatPane>

/** One prompt in a conversation with every pane's answer. */
export const chatTurn = z.object({
  turn: id,
  conversation: id,
  /** the turn that it goes on from; null: it begins the conversation */
  parent: id.nullable(),
  /** the turns at this place of the conversation, itself included, the oldest first */
  siblings: z.array(id),
  created: z.string(),
  prompt: z.string(),
  seed: z.int(),
  panes: z.array(chatPane),
  /** why an answer is not whole */
  failure: z.string().nullable()
})
export type ChatTurn = z.infer<typeof chatTurn>

export const conversation = z.object({
  id,
  title: z.string(),
  created: z.string(),
  /** when it went on last */
  updated: z.string(),
  turns: z.int(),
  /** of a search: the newest turn that has the words, and a line of it; null where only the title has them */
  found: z.object({ turn: id, excerpt: z.string() }).nullable()
})
export type Conversation = z.infer<typeof conversation>

export const conversationTitle = z.string().trim().min(1).max(200)

/** markdown, messages: one way through the conversation; json: all of it. messages: JSONL, a line a pane. */
export const conversationFormat = z.enum(['markdown', 'json', 'messages'])
export type ConversationFormat = z.infer<typeof conversationFormat>

/** A named set of panes. */
export const panePreset = z.object({ id, name: z.string().trim().min(1).max(60), methods: z.array(methodChoice).min(1).max(4) })
export type PanePreset = z.infer<typeof panePreset>
