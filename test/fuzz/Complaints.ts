/** What no answer may be, and how long one may take. */
import type { FuzzRequest } from "./Requests.ts"
import { overWire, type WireWay } from "./Wire.ts"

/** An answer that does not come in this time is none. */
const patience = 60_000

interface Runtime {
  readonly Deno?: { readonly createHttpClient: (options: { readonly poolIdleTimeout: number }) => unknown }
}

/**
 * Lets go of idle connections before the server does, after 75 s: a request that meets a connection as it is closed is
 * lost, and is its client's to send again (RFC 9112, 9.3.1). Deno keeps them for longer than that, Node for four seconds.
 */
const client = (globalThis as Runtime).Deno?.createHttpClient({ poolIdleTimeout: 30_000 })

const bodyOf = ({ bytes, chunked }: FuzzRequest): Pick<RequestInit, "body"> => {
  if (bytes === undefined) return {}
  if (!chunked) return { body: new Uint8Array(bytes) }
  const pieces = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (let at = 0; at < bytes.length; at += 16_384) controller.enqueue(bytes.slice(at, at + 16_384))
      controller.close()
    }
  })
  return { body: pieces, duplex: "half" } as Pick<RequestInit, "body">
}

/** Headers that are too long are refused by the runtime, before there is a request. */
const isByRuntime = (status: number): boolean => status === 431

/** A server that is busy with one tenant says so and when to come again; no other failure is an answer. */
const mayFail = (status: number, headers: Headers): boolean => status === 503 && headers.has("retry-after")

const problemIn = (status: number, headers: Headers, text: string): string | undefined => {
  if (headers.get("content-type") !== "application/problem+json") return `${status} without a problem`
  const problem = JSON.parse(text) as { status?: unknown; type?: unknown; errors?: ReadonlyArray<object> }
  if (problem.status !== status || typeof problem.type !== "string") return `${status} with a wrong problem`
  if (problem.type !== "/problems/invalid-request") return undefined
  const pointed = (problem.errors ?? []).every((error) => "pointer" in error || "in" in error)
  return pointed && (problem.errors ?? []).length > 0 ? undefined : "422 that points at nothing"
}

const isStream = (headers: Headers): boolean =>
  headers.get("content-type")?.startsWith("text/event-stream") === true

/** Where the connection does not keep to HTTP, the runtime answers; what it lets through is answered as ever. */
const wireComplaint = async (
  origin: string,
  { bytes, headers, route, url }: FuzzRequest,
  way: WireWay
): Promise<string | undefined> => {
  const request = { method: route.method, url, headers, body: bytes ?? new Uint8Array() }
  const heard = await overWire(origin, way, request, patience)
  if (heard === undefined) return `still open: ${way}`
  const failed = heard.statuses.find((status) => status >= 500 && status !== 503 && status !== 501)
  if (failed !== undefined) return `${failed}: ${way}`
  return heard.isAnswered && heard.statuses.length === 0 ? `no answer: ${way}` : undefined
}

/** Sends it, and says what is wrong with the answer; undefined where nothing is. */
export const complaintOf = async (origin: string, request: FuzzRequest): Promise<string | undefined> => {
  if (request.way !== undefined) return wireComplaint(origin, request, request.way)
  const { headers, kind, route, url } = request
  try {
    const response = await fetch(`${origin}${url}`, {
      method: route.method,
      headers,
      signal: AbortSignal.timeout(patience),
      redirect: "manual",
      ...bodyOf(request),
      ...(client === undefined ? {} : { client })
    })
    if (isStream(response.headers)) {
      await response.body?.cancel()
      return undefined
    }
    const text = await response.text()
    const { status } = response
    if (status >= 500 && !mayFail(status, response.headers)) return `${status}`
    if (status < 400 || isByRuntime(status)) return undefined
    if (kind === "as it is" && status === 400) return "400 to a valid body"
    return problemIn(status, response.headers, text)
  } catch (error) {
    return `no answer: ${error instanceof Error ? error.name : typeof error}`
  }
}
