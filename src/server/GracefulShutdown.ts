/** How a server lets go of its connections when it ends: none that is being answered is cut, and no other one is waited for. */
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { guarded, listen } from "../bounds/Listener.ts"
import type { Report } from "./RequestFront.ts"

/** A request on a connection, and its answer. */
type Begun = readonly [request: IncomingMessage, response: ServerResponse]

/** A request that has come whole may be acted on, and an answer that has begun says what was done. */
const isBeingAnswered = ([request, response]: Begun): boolean => request.complete || response.headersSent

/** A connection: the requests on it that are not answered yet, and whether any has been. */
interface Connection {
  readonly begun: Set<Begun>
  hasAsked: boolean
}

/** When a server tells its clients to leave, and how long one that is between two requests may take to hear it. */
export interface Farewell {
  readonly isLeaving: () => boolean
  readonly millis: number
}

/**
 * A server that ends listens for so long: what came before it was told to end may not be accepted or read yet, and would be
 * reset.
 */
const hearing = 100

/** After a while, and after what came in it was read, however late the loop is. */
const after = (millis: number, run: () => void, report: Report) =>
  setTimeout(() => void setImmediate(() => guarded(run, report)), millis)

const tellLast = (response: ServerResponse) => {
  if (!response.headersSent) response.setHeader("connection", "close")
}

/**
 * A body in chunks that is not read to its end ends its connection, for nobody knows where the next request would begin.
 * The answer says so (RFC 9112, 9.6): otherwise a client, or a proxy for another one, sends its next request there and
 * loses it.
 */
const tellWhenLeftUnread = (request: IncomingMessage, response: ServerResponse) => {
  if (request.headers["transfer-encoding"] === undefined) return
  const writeHead = response.writeHead.bind(response) as (...head: ReadonlyArray<unknown>) => ServerResponse
  response.writeHead = (...head: ReadonlyArray<unknown>) => {
    if (!request.complete) tellLast(response)
    return writeHead(...head)
  }
}

/**
 * Lets go of connections in order. While the process is leaving, each answer says that it is the last one of its
 * connection. At `close`, what has come is still accepted and read. Then connections that have never said a word (a
 * browser, a balancer or a pool connects ahead) end, and so do those whose request has not come whole, of which nothing
 * was accepted: `close` alone waits for them as if a request were under way. Those that are between two requests end a
 * moment later: one whose next request is on its way would lose it.
 */
export const withGracefulShutdown = (server: Server, farewell: Farewell, report: Report): Server => {
  const connections = new Map<Socket, Connection>()
  let isClosed = false
  const connected = (socket: Socket) => {
    connections.set(socket, { begun: new Set(), hasAsked: false })
    listen(socket, "close", () => connections.delete(socket), report)
  }
  listen(server, "connection", connected, report)
  const watch = (request: IncomingMessage, response: ServerResponse) => {
    const one: Begun = [request, response]
    const connection = connections.get(request.socket)
    connection?.begun.add(one)
    if (connection !== undefined) connection.hasAsked = true
    listen(response, "close", () => connection?.begun.delete(one), report)
    if (isClosed || farewell.isLeaving()) tellLast(response)
    tellWhenLeftUnread(request, response)
  }
  const emit = server.emit.bind(server)
  server.emit = (event: string, ...values: Array<unknown>): boolean => {
    if (event === "request" || event === "checkContinue") {
      watch(values[0] as IncomingMessage, values[1] as ServerResponse)
    }
    return emit(event, ...values)
  }
  const endIdle = (isOver: boolean) => {
    for (const [socket, { begun, hasAsked }] of connections) {
      const isBetween = begun.size === 0 && hasAsked
      if (isBetween ? isOver : ![...begun].some(isBeingAnswered)) socket.destroy()
    }
  }
  const stopListening = server.close.bind(server)
  const stop = (closed: Parameters<Server["close"]>[0]) => {
    const timer = after(farewell.millis, () => endIdle(true), report)
    stopListening((error) => {
      clearTimeout(timer)
      closed?.(error)
    })
    endIdle(false)
  }
  // The server's own `close` would end at once what is between two requests.
  server.closeIdleConnections = () => {}
  server.close = (closed) => {
    isClosed = true
    for (const { begun } of connections.values()) begun.forEach(([, response]) => tellLast(response))
    after(Math.min(hearing, farewell.millis), () => stop(closed), report)
    return server
  }
  return server
}
