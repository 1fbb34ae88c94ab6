/** The page comes from studio://app instead of file://, with a policy that lets it load nothing else. */
import { net, protocol } from 'electron'
import { join, normalize, sep } from 'node:path'
import { pathToFileURL } from 'node:url'

const pages = join(import.meta.dirname, '..', 'renderer')

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
      if (host !== 'app' || request.method !== 'GET' || !file.startsWith(pages + sep)) return new Response('not found', { status: 404 })
      const reply = await net.fetch(pathToFileURL(file).href)
      const headers = new Headers(reply.headers)
      headers.set('Content-Security-Policy', policy)
      headers.set('X-Content-Type-Options', 'nosniff')
      return new Response(reply.body, { status: reply.status, headers })
    } catch {
      return new Response('not found', { status: 404 })
    }
  })
}
