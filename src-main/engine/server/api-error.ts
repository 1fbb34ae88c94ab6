/** Errors as clients of the OpenAI API expect them: a status, and {error: {message, type, param, code}}. */
import { z } from 'zod'
import { StudioError, toFailure, type FailureCode } from '../../contract/errors.ts'

export interface ErrorBody {
  error: { message: string; type: string; param: string | null; code: string | null }
}

export class ApiError extends Error {
  readonly status: number
  readonly code: string | null
  readonly param: string | null

  constructor(status: number, message: string, { code = null, param = null }: { code?: string | null; param?: string | null } = {}) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.code = code
    this.param = param
  }

  get body(): ErrorBody {
    return { error: { message: this.message, type: typeOf(this.status), param: this.param, code: this.code } }
  }
}

/** Any thrown thing. What went wrong in here and not in the request is told without its details. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof z.ZodError) return new ApiError(400, toFailure(error).message, { param: error.issues[0]?.path.join('.') || null })
  if (!(error instanceof StudioError)) return new ApiError(500, 'the server failed; its window or terminal may say more')
  const { code, message } = toFailure(error)
  return new ApiError(statusOf(code), message, { code: code.replaceAll('-', '_') })
}

/** 503: the same request may succeed later. */
function statusOf(code: FailureCode): number {
  if (code === 'bad-request' || code === 'not-usable') return 400
  if (code === 'not-found') return 404
  return code === 'internal' || code === 'project-damaged' || code === 'disk-full' ? 500 : 503
}

function typeOf(status: number): string {
  if (status === 429) return 'rate_limit_error'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}
