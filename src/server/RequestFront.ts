/** How a request is taken before the handler has it, and the turns in which requests begin. */
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import { guarded } from "../bounds/Listener.ts"
import { inTurn } from "../bounds/OneATurn.ts"

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

/** Requests begin one a turn of the event loop, those of all servers of the process together. */
export const withTurns = (server: Server, report: Report): Server =>
  inFront(
    server,
    ({ failed, pass, request }) => {
      inTurn(() => void (request.socket.destroyed || pass()), failed)
      return true
    },
    report
  )
