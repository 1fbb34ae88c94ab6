/** Every way in which a request can fail, as one union: errors cross processes as plain `Failure` objects. */
import { z } from 'zod'

export const failureCodes = [
  'bad-request', // the input does not fit the contract, or names something that is not there
  'not-found', // a file, project, data set, ... that was named does not exist
  'not-usable', // it exists, but is not what it must be (a text file named .gguf, an empty JSONL)
  'no-project', // the request needs an open project
  'project-locked', // another process has the project open
  'project-newer', // written by a newer version of the studio
  'project-damaged', // SQLite's own check failed
  'no-model', // the project has no model that can be loaded
  'not-enough-memory', // told before loading
  'model-host-exited', // the model's process died
  'cancelled',
  'busy', // the model is taken by another job
  'download-failed',
  'disk-full',
  'internal'
] as const

export const failureCode = z.enum(failureCodes)
export type FailureCode = z.infer<typeof failureCode>

export const failure = z.object({
  code: failureCode,
  /** What happened, what was kept and what to do next, in one line. */
  message: z.string(),
  /** For "Copy details": never shown alone. */
  details: z.string().optional(),
  /** Whether the same request can succeed when it is sent again. */
  retryable: z.boolean()
})
export type Failure = z.infer<typeof failure>

/** The one error class that is thrown on purpose. */
export class StudioError extends Error {
  readonly code: FailureCode
  readonly details: string | undefined
  readonly retryable: boolean

  constructor(code: FailureCode, message: string, options: { details?: string; retryable?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.name = 'StudioError'
    this.code = code
    this.details = options.details
    this.retryable = options.retryable ?? false
  }
}

/** A message is one line that can be read, whatever a request had put into it. */
const maxMessage = 1000
const maxIssues = 5

/** Any thrown thing as a `Failure`; what was not thrown on purpose becomes 'internal' with its stack as details. */
export function toFailure(error: unknown): Failure {
  const { message, ...failure } = unbounded(error)
  const line = message.replaceAll(/[\0\r\n\u2028\u2029]+/g, ' ')
  return { ...failure, message: line.length <= maxMessage ? line : `${line.slice(0, maxMessage)}...` }
}

function unbounded(error: unknown): Failure {
  if (error instanceof StudioError) {
    return { code: error.code, message: error.message, details: error.details, retryable: error.retryable }
  }
  if (error instanceof z.ZodError) {
    return { code: 'bad-request', message: describeIssues(error), retryable: false }
  }
  const cause = error instanceof Error ? error : new Error(String(error))
  if ('code' in cause && (cause.code === 'ENOSPC' || cause.code === 'SQLITE_FULL')) {
    return { code: 'disk-full', message: 'The disk is full. What was finished is kept; free some space and go on', details: cause.stack, retryable: true }
  }
  const code = isCancellation(cause) ? 'cancelled' : 'internal'
  return { code, message: cause.message, details: cause.stack, retryable: false }
}

export function fromFailure(f: Failure): StudioError {
  return new StudioError(f.code, f.message, { details: f.details, retryable: f.retryable })
}

function isCancellation(error: Error): boolean {
  return error.name === 'AbortError' || ('code' in error && error.code === 'cancelled')
}

function describeIssues(error: z.ZodError): string {
  return error.issues
    .slice(0, maxIssues)
    .map((issue) => (issue.path.length > 0 ? `${issue.path.join('.')}: ${issue.message}` : issue.message))
    .join('; ')
}
