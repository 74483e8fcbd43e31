/** A server whose requests the fast path may answer, before any fiber and any route. */
import type { Context } from "effect"
import { Buffer } from "node:buffer"
import type { Server } from "node:http"
import { guarded, listen } from "../bounds/Listener.ts"
import { turns } from "../bounds/OneATurn.ts"
import { type FastAnswer, type FastPath, longestBody, type Resumed, saysGate } from "../FastPath.ts"
import * as HttpMetrics from "../telemetry/metrics/HttpMetrics.ts"
import { type Arrival, byAddress, type CallerOf, inFront, type Report, takeTurn } from "./RequestFront.ts"

/** The fast path in front of the server's handler, while there is one, and where what it does not answer goes. */
export interface FastPathServer {
  readonly registry: { readonly current: FastPath | undefined }
  readonly contract: (request: Request, context?: Context.Context<never>) => Promise<Response>
}

interface Exchange extends Omit<Arrival, "pass"> {
  readonly body: Uint8Array<ArrayBuffer>
}

/** The routes answer a request whose body has been read. */
const relay = async (
  contract: FastPathServer["contract"],
  { body, request, response }: Exchange,
  resumed?: Resumed
): Promise<void> => {
  const headers = new Headers()
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers.set(name, String(value))
  }
  if (resumed !== undefined) headers.set("x-request-id", resumed.resume)
  const url = `http://localhost${request.url ?? "/"}`
  const asked = new Request(url, { method: request.method ?? "POST", headers, body })
  const answer = await contract(asked, resumed?.context)
  response.writeHead(answer.status, Object.fromEntries(answer.headers))
  response.end(Buffer.from(await answer.arrayBuffer()))
}

/** Who asks as far as the fast path knows it. */
const callerIn = (fastPath: FastPath | undefined): CallerOf => (request) =>
  fastPath?.callerOf?.(request, request.socket.remoteAddress) ?? byAddress(request)

/** Who asks a server of this front. */
export const callerAt = (front: FastPathServer | undefined): CallerOf => (request) =>
  callerIn(front?.registry.current)(request)

const answerBy = (fastPath: FastPath, contract: FastPathServer["contract"], exchange: Exchange): void => {
  const { body, failed, request, response } = exchange
  const goOn = (resumed?: Resumed) => void relay(contract, exchange, resumed).catch(failed)
  const began = performance.now()
  const reply = (answer: FastAnswer) => {
    if ("resume" in answer) return goOn(answer)
    HttpMetrics.requestAnswered(
      request.method ?? "",
      request.url ?? "",
      answer.status,
      performance.now() - began
    )
    response.writeHead(answer.status, { ...answer.headers, "content-length": Buffer.byteLength(answer.text) })
    response.end(answer.text)
  }
  const isAnswered = fastPath.answer(request, body, (answer) => guarded(() => reply(answer), failed))
  if (!isAnswered) takeTurn({ request, response, failed }, callerIn(fastPath), () => goOn())
  else if (saysGate(request)) turns.scanned()
}

/** Lets the fast path take the requests it knows, their bodies read whole: it takes none that declares a long one. */
export const withFastPath = (server: Server, front: FastPathServer | undefined, report: Report): Server => {
  if (front === undefined) return server
  const take = ({ failed, request, response }: Arrival): boolean => {
    const fastPath = front.registry.current
    if (fastPath === undefined || !fastPath.takes(request)) return false
    const chunks: Array<Uint8Array> = []
    let length = 0
    const read = (chunk: Uint8Array) => {
      length += chunk.length
      if (length > longestBody) request.destroy()
      else chunks.push(chunk)
    }
    const answer = () =>
      answerBy(fastPath, front.contract, { request, response, body: Buffer.concat(chunks), failed })
    listen(request, "data", read, failed)
    listen(request, "end", answer, failed)
    listen(request, "error", () => response.destroy(), failed)
    return true
  }
  return inFront(server, take, report)
}
