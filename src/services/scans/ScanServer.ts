/** Serves the scan contract: verifies the QR with the published keys and lets the core decide. */
import { DateTime, Effect, Layer } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { ProblemMiddleware } from "../../http/ProblemMiddleware.ts"
import { Unavailable } from "../../http/Problems.ts"
import { ServiceAuth } from "../../trust/ServiceAuth.ts"
import { GateClient } from "./GateClient.ts"
import { PublishedKeys } from "./PublishedKeys.ts"
import { ScanApi, type VerifyRequest } from "./ScanApi.ts"
import { internalBody, verify } from "./Verification.ts"

const unavailable = () =>
  new Unavailable({
    detail: "The core cannot decide now: send the same scan again, under its id.",
    retry_after: 1
  })

/** The handlers. */
export const ScanHandlersLayer = HttpApiBuilder.group(
  ScanApi,
  "scans",
  Effect.fnUntraced(function* (handlers) {
    const keys = yield* PublishedKeys
    const gate = yield* GateClient

    const read = Effect.fnUntraced(function* (shown: VerifyRequest, now: DateTime.Utc) {
      const verification = verify(shown, yield* keys.current, now)
      return verification.refusal === "unknown_key" ? verify(shown, yield* keys.renewed, now) : verification
    })

    return handlers.handle("verify", ({ headers, payload }) =>
      Effect.gen(function* () {
        const scanId = headers["x-request-id"]
        const language = headers["accept-language"]
        const now = yield* DateTime.now
        const verification = yield* read(payload, now)
        return yield* gate.decide(scanId, internalBody(payload, verification), language)
      }).pipe(Effect.catchTags({
        GateUnavailable: (error) =>
          Effect.andThen(Effect.logWarning("No verdict", error.reason), unavailable()),
        KeysUnavailable: (error) => Effect.andThen(Effect.logWarning("No keys", error.reason), unavailable())
      })))
  })
)

/** The routes over given keys and a given gate; what `ServiceAuth` needs is left open too. */
export const ScanRoutesLayer = HttpApiBuilder.layer(ScanApi).pipe(
  Layer.provide(ScanHandlersLayer),
  Layer.provide([ProblemMiddleware.layer, ServiceAuth.layer])
)

/** The routes; the services' transport and what `ServiceAuth` needs are left open. */
export const ScanServerLayer = ScanRoutesLayer.pipe(Layer.provide([PublishedKeys.layer, GateClient.layer]))
