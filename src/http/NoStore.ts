/** Keeps tickets, invoices and personal data out of every cache between us and the caller. */
import { Effect } from "effect"
import { HttpEffect, type HttpServerRequest, HttpServerResponse } from "effect/http"

/** Answers a handler with `Cache-Control: no-store`, whatever it answers. */
export const noStore = <A, E, R>(
  handler: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | HttpServerRequest.HttpServerRequest> =>
  HttpEffect.withPreResponseHandler(
    handler,
    (_request, response) =>
      Effect.succeed(HttpServerResponse.setHeader(response, "cache-control", "no-store"))
  )
