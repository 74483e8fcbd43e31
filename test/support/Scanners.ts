/** The two ways of a scan into the gate of the whole app: a device with its steward's token, and the scan service. */
import { Effect, Redacted } from "effect"
import { Loopback } from "../../src/trust/Loopback.ts"
import { ServiceSecrets } from "../../src/trust/ServiceSecrets.ts"
import { sign } from "../../src/trust/ServiceSignature.ts"
import { TokenStore } from "../../src/store/TokenStore.ts"
import { TestApp } from "./TestApp.ts"

/** What a camera read under a scan id, and the code that was typed beside it: the scan service knows no codes. */
export interface Shown {
  readonly id: string
  readonly text: string
  readonly code: string
}

/** What came back. */
export interface Reply {
  readonly status: number
  // deno-lint-ignore no-explicit-any
  readonly json: any
}

export type Way = "device" | "service"

const operator_id = "operator-123"
const scanner_id = "scanner-1"
const location = { gate: "A" }

/** Sends scans of one event by either way. */
export const scanners = Effect.fn("Scanners.make")(function* (eventId: number) {
  const app = yield* TestApp
  const tokens = yield* TokenStore
  const secret = (yield* ServiceSecrets).signing("event-planner-core")
  const service = (yield* Loopback).find("scans")
  if (service === undefined) return yield* Effect.die("The scan service is not served")
  const { token } = yield* tokens.create({ role: "operator", subject: operator_id, events: [eventId] })

  const device = ({ code, id, text }: Shown): Effect.Effect<Reply> =>
    app.ask("/api/scans/validate", {
      token: Redacted.value(token),
      headers: { "x-request-id": id },
      body: {
        ticket_code: code,
        qr_data: text,
        event_id: eventId,
        scanner_id,
        validation_result: "valid",
        scan_location: location,
        operator_id
      }
    })

  const verify = ({ id, text }: Shown): Effect.Effect<Reply> =>
    Effect.promise(async () => {
      const body = JSON.stringify({ qr_data: text, event_id: eventId, scanner_id, operator_id, location })
      const signed = {
        method: "POST",
        url: "/api/scans/verify",
        service: "event-planner-core",
        requestId: id,
        timestamp: new Date().toISOString(),
        body: new TextEncoder().encode(body)
      }
      const headers = {
        "content-type": "application/json",
        "x-service-name": signed.service,
        "x-request-id": id,
        "x-timestamp": signed.timestamp,
        "x-service-signature": sign(secret, signed)
      }
      const response = await service(
        new Request(`http://localhost:3005${signed.url}`, { method: "POST", headers, body })
      )
      return { status: response.status, json: await response.json() }
    })

  return { device, service: verify } satisfies Record<Way, unknown>
})
