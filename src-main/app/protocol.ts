/** The page comes from studio://app instead of file://, with a policy that lets it load nothing else. */
import { protocol } from 'electron'
import { readFile } from 'node:fs/promises'
import { extname, join, normalize, sep } from 'node:path'

const pages = join(import.meta.dirname, '..', 'renderer')

/** All that the page is made of. */
const types: Record<string, string> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8' }

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'"
].join('; ')

/** Before the app is ready. */
export function registerScheme(): void {
  protocol.registerSchemesAsPrivileged([{ scheme: 'studio', privileges: { standard: true, secure: true, codeCache: true } }])
}

export function servePage(): void {
  protocol.handle('studio', async (request) => {
    try {
      const { host, pathname } = new URL(request.url)
      const file = normalize(join(pages, decodeURIComponent(pathname)))
      const type = types[extname(file)]
      if (host !== 'app' || request.method !== 'GET' || !file.startsWith(pages + sep) || type === undefined) return notFound()
      return new Response(await readFile(file), { headers: { 'Content-Type': type, 'Content-Security-Policy': policy, 'X-Content-Type-Options': 'nosniff' } })
    } catch {
      return notFound()
    }
  })
}

const notFound = (): Response => new Response('not found', { status: 404 })
