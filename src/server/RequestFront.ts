/** How a request is taken before the handler has it, and the turns in which requests begin. */
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import { guarded, listen } from "../bounds/Listener.ts"
import { type Turns, turns } from "../bounds/OneATurn.ts"
import { saysGate } from "../FastPath.ts"

/** Where a fault goes that was thrown in a listener of the runtime: it must not throw. */
export type Report = (fault: unknown) => void

/** A request on its way to the handler. */
export interface Arrival {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Ends the request, and reports why. */
  readonly failed: Report
  /** Lets the handler have it. */
  readonly pass: () => boolean
}

/** Each request goes to `take`, which says whether it took it; one that it did not take goes to the handler. */
export const inFront = (server: Server, take: (arrival: Arrival) => boolean, report: Report): Server => {
  const emit = server.emit.bind(server)
  server.emit = (event: string, ...values: Array<unknown>): boolean => {
    if (event !== "request") return emit(event, ...values)
    const [request, response] = values as [IncomingMessage, ServerResponse]
    const failed = (fault: unknown) => {
      response.destroy()
      report(fault)
    }
    const pass = () => emit(event, request, response)
    const taken = guarded(() => take({ request, response, failed, pass }), failed) ?? true
    return taken || pass()
  }
  return server
}

/** Who asks: requests of one caller wait for each other, and not those of others for them. */
export type CallerOf = (request: IncomingMessage) => string

/** Who asks as far as the connection says it. */
export const byAddress: CallerOf = ({ socket }) => socket.remoteAddress ?? ""

/**
 * A probe does not wait for what else comes from its address, and stands in the gate's line: a process that is only busy
 * is not taken for a dead one.
 */
const isProbe = ({ url = "" }: IncomingMessage): boolean => url.startsWith("/health/")

const crowded = JSON.stringify({
  type: "/problems/too-many-requests",
  title: "Too many requests",
  status: 429,
  detail: "Too many of your requests wait here: send fewer at a time, and this one again.",
  retry_after: 1
})

/** The answer to a request that is neither read nor kept waiting. */
const turnAway = ({ request, response }: Pick<Arrival, "request" | "response">): void => {
  response.writeHead(429, {
    "content-type": "application/problem+json",
    "content-length": crowded.length,
    "retry-after": "1",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    connection: "close"
  })
  response.end(request.method === "HEAD" ? undefined : crowded)
}

/** Begins `go` in its turn among all requests of the process; what became of it is remembered of its caller. */
export const takeTurn = (
  { failed, request, response }: Omit<Arrival, "pass">,
  callerOf: CallerOf,
  go: () => void,
  line: Turns = turns
): void => {
  const probes = isProbe(request)
  const caller = probes ? `probe ${byAddress(request)}` : callerOf(request)
  const isGate = saysGate(request)
  const remember = () => {
    if (response.statusCode >= 400 && response.statusCode < 500) line.refused(caller)
    else if (isGate && response.statusCode < 300) line.scanned()
  }
  listen(response, "finish", remember, failed)
  const begin = () => void (request.socket.destroyed || go())
  if (!line.enter(begin, failed, { caller, isGate: isGate || probes })) turnAway({ request, response })
}

/** Requests begin one a turn of the event loop, those of all servers of the process together. */
export const withTurns = (
  server: Server,
  report: Report,
  callerOf: CallerOf = byAddress,
  line: Turns = turns
): Server =>
  inFront(
    server,
    (arrival) => {
      takeTurn(arrival, callerOf, arrival.pass, line)
      return true
    },
    report
  )
