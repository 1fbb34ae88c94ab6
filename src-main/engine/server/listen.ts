/** Listening on this machine's own addresses: IPv4 and, where there is one, IPv6, on one port. */
import type { Server } from 'node:http'
import { once } from 'node:events'
import { StudioError } from '../../contract/errors.ts'

export const loopback = ['127.0.0.1', '::1'] as const
const attempts = 20

/**
 * @param make a server; each address gets its own
 * @param port 0: one that is free
 * @throws StudioError 'busy' where the port is taken on either address: a client that asks for "localhost" could
 * otherwise hand its token to whoever has the other
 */
export async function listenOnLoopback(make: () => Server, port: number): Promise<{ servers: Server[]; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const servers: Server[] = []
    let chosen = port
    try {
      for (const address of loopback) {
        const server = make()
        if (!(await listens(server, chosen, address))) continue
        servers.push(server)
        const bound = server.address()
        if (typeof bound === 'object' && bound !== null) chosen = bound.port
      }
      return { servers, port: chosen }
    } catch (error) {
      for (const server of servers) server.close()
      if (codeOf(error) === 'EADDRINUSE') {
        if (port === 0 && attempt < attempts) continue
        throw new StudioError('busy', `port ${chosen} is taken by another program: choose another one`)
      }
      if (codeOf(error) === 'EACCES') throw new StudioError('bad-request', `this system does not allow port ${chosen}: choose one above 1023`)
      throw error
    }
  }
}

/** false: this machine has no such address */
async function listens(server: Server, port: number, address: string): Promise<boolean> {
  server.listen({ port, host: address, ipv6Only: true })
  try {
    await once(server, 'listening')
    return true
  } catch (error) {
    if (address === '::1' && ['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes(codeOf(error) ?? '')) return false
    throw error
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
