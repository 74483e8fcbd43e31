/** `/metrics` for Prometheus: what this process has counted, and what it reads for whoever asks. */
import { Effect, type Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import * as Exposition from "./Exposition.ts"
import { Readings } from "./Readings.ts"

const contentType = "text/plain; version=0.0.4; charset=utf-8"

export const layer: Layer.Layer<never, never, HttpRouter.HttpRouter> = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const readings = yield* Readings
    yield* router.add(
      "GET",
      "/metrics",
      Effect.andThen(
        readings,
        Effect.map(
          Exposition.text,
          (text) => HttpServerResponse.text(text, { contentType, headers: { "cache-control": "no-store" } })
        )
      )
    )
  })
)
