/** The room that every model is loaded with. */

/** KV cells, shared by all sequences */
export const contextTokens = 16384
/** where they do not fit; a long prompt and its response must still do */
export const smallerContexts = [8192, 4096, 2048] as const
/** the widest collection, and the panes of a chat beside it */
export const sequences = 72
/** tokens of one step */
export const batchTokens = 512
