/** Names the file that an answer is, for whoever keeps it. */
import { Effect } from "effect"
import { HttpEffect, type HttpServerRequest, HttpServerResponse } from "effect/http"

/** `Content-Disposition` of a file that a browser shows, and keeps under this name. */
export const inline = (filename: string): string => `inline; filename="${filename}"`

/** Answers a handler under a file name where it answers a PDF. */
export const pdfNamed = <A, E, R>(
  filename: string,
  handler: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | HttpServerRequest.HttpServerRequest> =>
  HttpEffect.withPreResponseHandler(
    handler,
    (_request, response) =>
      Effect.succeed(
        response.headers["content-type"] === "application/pdf"
          ? HttpServerResponse.setHeader(response, "content-disposition", inline(filename))
          : response
      )
  )
