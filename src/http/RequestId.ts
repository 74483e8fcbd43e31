/**
 * One identifier a request, given by the caller or made here; it is in the answer, in its problems and in
 * every log line.
 */
import { Context } from "effect"
import type { Headers } from "effect/http"

/** The header that carries it both ways. */
export const requestIdHeader = "x-request-id"

const wellFormed = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/

/**
 * A new identifier, as in the flows document: `req_`, then the time in milliseconds and 74 random bits in hexadecimal,
 * so that an index of them grows at one end.
 */
export const makeRequestId = (): string =>
  `req_${Date.now().toString(16).padStart(12, "0")}${crypto.randomUUID().replaceAll("-", "").slice(12)}`

/** The caller's identifier when it is 1 to 128 characters of `A-Za-z0-9._:-`, otherwise a new one. */
export const requestIdOf = (headers: Headers.Headers): string => requestIdFrom(headers[requestIdHeader])

/** The same, from the header's value. */
export const requestIdFrom = (given: string | undefined): string =>
  given !== undefined && wellFormed.test(given) ? given : makeRequestId()

/** The identifier of the request being answered; empty outside of one. */
export const RequestId = Context.Reference<string>("guichet/http/RequestId", { defaultValue: () => "" })
