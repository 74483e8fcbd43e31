/** Serves the scan contract: verifies the QR with the published keys and lets the core decide. */
import { DateTime, Effect, Layer } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import type { Verdict } from "../../../rpc/Scan.ts"
import { answer } from "../../gate/ScanAnswer.ts"
import { ProblemMiddleware } from "../../http/ProblemMiddleware.ts"
import { Unavailable } from "../../http/Problems.ts"
import { ServiceAuth } from "../ServiceAuth.ts"
import { GateClient } from "./GateClient.ts"
import { PublishedKeys } from "./PublishedKeys.ts"
import { ScanApi, type VerifyRequest } from "./ScanApi.ts"
import { internalBody, verify } from "./Verification.ts"

const unavailable = () =>
  new Unavailable({
    detail: "The core cannot decide now: send the same scan again, under its id.",
    retry_after: 1
  })

/** Text that names no ticket is refused here: there is nothing that the core could look up. */
const nothingRead = (scanId: string, request: VerifyRequest, now: DateTime.Utc): Verdict => ({
  scan_id: scanId,
  result: "forged",
  ticket_id: null,
  event_id: request.event_id,
  gate: request.location.gate,
  direction: request.direction ?? "entry",
  guest_first_name: null,
  ticket_type: null,
  first_use: null,
  timezone: "UTC",
  signals: [],
  decided_at: now
})

/** The handlers. */
export const ScanHandlersLayer = HttpApiBuilder.group(
  ScanApi,
  "scans",
  Effect.fnUntraced(function* (handlers) {
    const keys = yield* PublishedKeys
    const gate = yield* GateClient

    const read = Effect.fnUntraced(function* (text: string, now: DateTime.Utc) {
      const verification = verify(text, yield* keys.current, now)
      return verification.refusal === "unknown_key" ? verify(text, yield* keys.renewed, now) : verification
    })

    return handlers.handle("verify", ({ headers, payload }) =>
      Effect.gen(function* () {
        const scanId = headers["x-request-id"]
        const language = headers["accept-language"]
        const now = yield* DateTime.now
        const verification = yield* read(payload.qr_data, now)
        return verification.ticketId === null
          ? yield* answer(Effect.succeed(nothingRead(scanId, payload, now)), language)
          : yield* gate.decide(scanId, internalBody(payload, verification.ticketId, verification), language)
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
