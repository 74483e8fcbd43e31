/**
 * The core and the four services as five processes on one PostgreSQL, and Redis where it is installed: the documented flow
 * over real sockets.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { sign } from "../../src/trust/ServiceSignature.ts"
import { audit } from "../support/FlowAudit.ts"
import { completed, start } from "../support/FlowRuns.ts"
import { postgres } from "../support/Installation.ts"
import { hasRedis, ownRedis } from "../support/OwnRedis.ts"
import { queueProof } from "../support/QueueProof.ts"
import { parts, request, serve, step } from "../support/Served.ts"
import { serverUrl } from "../support/TestDatabase.ts"

const addresses = {
  CORE_URL: "CORE_PORT",
  NOTIFICATION_SERVICE_URL: "NOTIFICATIONS_PORT",
  PAYMENT_SERVICE_URL: "PAYMENTS_PORT",
  TICKET_GENERATOR_URL: "TICKETS_PORT",
  SCAN_VALIDATION_URL: "SCANS_PORT"
}

/** Signed as the core signs what it asks of a service. */
const signedBy = (secret: string, url: string, requestId: string, body: unknown) => {
  const parts = {
    method: "POST" as const,
    url: new URL(url).pathname,
    service: "event-planner-core" as const,
    requestId,
    timestamp: new Date().toISOString(),
    body: new TextEncoder().encode(JSON.stringify(body))
  }
  return {
    "x-service-name": parts.service,
    "x-request-id": requestId,
    "x-timestamp": parts.timestamp,
    "x-service-signature": sign(Redacted.make(secret), parts)
  }
}

describe.skipIf(serverUrl === undefined)("five processes on one PostgreSQL", () => {
  it.live(
    "run the documented flow, also when the core is killed in the middle and started again",
    () =>
      Effect.gen(function* () {
        const installation = yield* postgres
        const token = yield* installation.token
        const redis = hasRedis() ? (yield* ownRedis).url : undefined
        const env: Readonly<Record<string, string>> = {
          ...installation.env,
          ...(redis === undefined ? {} : { REDIS_URL: redis }),
          ...Object.fromEntries(
            Object.entries(addresses).map((
              [url, port]
            ) => [url, `http://127.0.0.1:${installation.env[port]}/api`])
          )
        }
        const [core] = yield* Effect.forEach(parts, (part) => serve(env, part), { concurrency: "unbounded" })
        assert.isDefined(core)
        const first = yield* start(core, token, 1)
        yield* completed(core, token, [first])

        const second = yield* start(core, token, 2)
        yield* core.follow(second.events, token, step("payment", "running"))
        yield* core.child.kill("SIGKILL")
        const again = yield* serve(env, "core")
        yield* completed(again, token, [second])

        const [ticket] = yield* SqlClient.SqlClient.pipe(
          Effect.flatMap((sql) =>
            sql<
              { qr: string }
            >`SELECT qr_data AS qr FROM tickets WHERE event_id = (SELECT event_id FROM event_numbers WHERE number = 1) LIMIT 1`
          ),
          Effect.provide(installation.database)
        )
        const url = `${env.SCAN_VALIDATION_URL}/scans/verify`
        const body = {
          qr_data: ticket?.qr,
          event_id: 1,
          scanner_id: "scanner-1",
          operator_id: "admin",
          location: { gate: "A" }
        }
        const scanned = yield* request(url, {
          body,
          headers: signedBy(env["CORE_SERVICE_SECRET"] ?? "", url, "scan-1", body)
        })
        assert.strictEqual(scanned.status, 200, JSON.stringify(scanned.json))
        assert.strictEqual(scanned.json.result, "valid")
        yield* audit(installation, [first.flowId, second.flowId])
        yield* Effect.provide(
          queueProof(redis === undefined ? "sql" : "redis", redis),
          installation.database
        )
      })
  )
})
