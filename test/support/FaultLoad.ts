/** A mixed load on a whole process that faults are injected under: what was acknowledged is remembered, and counted in SQL. */
import { Clock, Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { stripeSignatureHeader } from "../../src/trust/StripeHeader.ts"
import { signPaymentWebhook } from "../../src/trust/WebhookSignatures.ts"
import payment from "../fixtures/bodies/2-payment-webhook.request.json" with { type: "json" }
import documented from "../fixtures/bodies/3-scan-validate.request.json" with { type: "json" }
import { flowBody, guestCount } from "./Installation.ts"
import { type Answer, type Ask, request } from "./Served.ts"

/** What was answered as done. */
export interface Acknowledged {
  readonly scans: Map<string, string>
  readonly webhooks: Set<string>
  readonly flows: Set<string>
  /** How often somebody was told to come again, and how long the longest answer took, in milliseconds. */
  refusals: number
  longest: number
}

export interface Load {
  readonly core: string
  readonly token: string
  readonly paymentSecret: Redacted.Redacted
  /** Tickets of event 1 that nobody has used. */
  readonly codes: ReadonlyArray<string>
}

const webhookPath = "/api/payment-webhook-routes/"

/** The same request until it is answered for good: an answer that was lost, and one that says to come again, are repeated. */
const insist = (acknowledged: Acknowledged, url: string, ask: () => Ask): Effect.Effect<Answer> =>
  Effect.gen(function* () {
    while (true) {
      const began = yield* Clock.currentTimeMillis
      const answer = yield* Effect.option(Effect.catchDefect(request(url, ask()), Effect.fail))
      const took = (yield* Clock.currentTimeMillis) - began
      if (answer._tag === "Some") {
        acknowledged.longest = Math.max(acknowledged.longest, took)
        if (answer.value.status < 500 && answer.value.status !== 409) return answer.value
        acknowledged.refusals++
      }
      yield* Effect.sleep("500 millis")
    }
  })

const refused = (what: string, answer: Answer) =>
  Effect.die(new Error(`${what}: ${answer.status} ${JSON.stringify(answer.json)}`))

const scan = ({ core, token }: Load, acknowledged: Acknowledged, code: string, scanId: string) =>
  Effect.gen(function* () {
    const body = { ...documented, event_id: 1, ticket_code: code, scan_id: scanId }
    const answer = yield* insist(acknowledged, `${core}/api/scans/validate`, () => ({ token, body }))
    if (answer.status !== 200) return yield* refused("a scan", answer)
    acknowledged.scans.set(scanId, answer.json.result)
  })

const webhook = ({ core, paymentSecret }: Load, acknowledged: Acknowledged, id: string) =>
  Effect.gen(function* () {
    const body = { ...payment, webhook_id: id, payment_id: `pay_${id}`, event_type: "payment.completed" }
    const text = JSON.stringify(body)
    const ask = () => {
      const parts = {
        method: "POST",
        url: webhookPath,
        service: "payment-service",
        requestId: `req_${randomUUID()}`,
        timestamp: new Date().toISOString(),
        body: new TextEncoder().encode(text)
      }
      return {
        body,
        headers: {
          "x-service-name": parts.service,
          "x-request-id": parts.requestId,
          "x-timestamp": parts.timestamp,
          [stripeSignatureHeader]: signPaymentWebhook(paymentSecret, parts)
        }
      }
    }
    const answer = yield* insist(acknowledged, `${core}${webhookPath}`, ask)
    if (answer.status !== 200) return yield* refused("a webhook", answer)
    acknowledged.webhooks.add(id)
  })

const flow = ({ core, token }: Load, acknowledged: Acknowledged, eventId: number) =>
  Effect.gen(function* () {
    const body = flowBody(eventId)
    const headers = { "idempotency-key": `flow-${eventId}` }
    const url = `${core}/api/orchestration/complete-flow`
    const answer = yield* insist(acknowledged, url, () => ({ token, body, headers }))
    if (answer.status !== 202) return yield* refused("a flow", answer)
    acknowledged.flows.add(answer.json.flow_id)
  })

/** Goes on for ever: ten scans a second by five devices, two webhooks, and a flow every three seconds. */
export const bear = (load: Load, acknowledged: Acknowledged) =>
  Effect.gen(function* () {
    let scans = 0
    let webhooks = 0
    let flows = 0
    const device = Effect.suspend(() => {
      const nth = scans++
      return scan(load, acknowledged, load.codes[nth % load.codes.length]!, `fault-scan-${nth}`)
    })
    const every = <E>(pause: number, work: Effect.Effect<void, E>) =>
      Effect.forever(Effect.andThen(work, Effect.sleep(pause)))
    return yield* Effect.all([
      ...Array.from({ length: 5 }, () => every(500, device)),
      every(500, Effect.suspend(() => webhook(load, acknowledged, `fault-webhook-${webhooks++}`))),
      every(3_000, Effect.suspend(() => flow(load, acknowledged, 1_000 + flows++)))
    ], { concurrency: "unbounded", discard: true })
  })

/** What is not as it was acknowledged, each a sentence; none is right. */
export const audit = Effect.fnUntraced(function* (acknowledged: Acknowledged) {
  const sql = yield* SqlClient.SqlClient
  const wrong: Array<string> = []
  const expect = (what: string, rows: ReadonlyArray<unknown>) => {
    if (rows.length > 0) wrong.push(`${what}: ${JSON.stringify(rows.slice(0, 5))} (${rows.length})`)
  }
  const stored = yield* sql<{ id: string; result: string }>`
    SELECT scan_id AS id, result FROM scans WHERE scan_id LIKE 'fault-scan-%'`
  const results = new Map(stored.map(({ id, result }) => [id, result]))
  if (results.size !== stored.length) wrong.push("a scan id is stored twice")
  expect(
    "scans stored otherwise than answered",
    [...acknowledged.scans].filter(([id, result]) => results.get(id) !== result)
  )
  expect(
    "tickets admitted twice",
    yield* sql`SELECT ticket_id FROM scans WHERE event_id = 1 AND result = 'valid' GROUP BY 1 HAVING count(*) > 1`
  )
  const ids = [...acknowledged.webhooks]
  const known = yield* sql<{ id: string; status: string; events: number }>`
    SELECT d.webhook_id AS id, p.status, (SELECT count(*)::int FROM payment_events e WHERE e.payment_id = p.payment_id) AS events
    FROM webhook_deliveries d LEFT JOIN payments p ON p.payment_id = 'pay_' || d.webhook_id
    WHERE d.webhook_id LIKE 'fault-webhook-%'`
  const settled = new Set(
    known.filter(({ events, status }) => status === "settled" && events === 1).map(({ id }) => id)
  )
  expect("webhooks acknowledged and not applied once", ids.filter((id) => !settled.has(id)))
  const flowIds = JSON.stringify([...acknowledged.flows])
  const flows = sql`jsonb_array_elements_text(${flowIds}::jsonb) AS asked (flow_id)`
  expect(
    "flows that did not complete",
    yield* sql`SELECT flow_id, f.status, f.error FROM ${flows} LEFT JOIN flows f USING (flow_id)
      WHERE f.status IS DISTINCT FROM 'completed'`
  )
  expect(
    "flows that nobody acknowledged and that do not end",
    yield* sql`
    SELECT flow_id, status FROM flows WHERE finished_at IS NULL`
  )
  expect(
    "flows without one settled payment with one invoice and one event",
    yield* sql`SELECT flow_id, p.status FROM ${flows} LEFT JOIN payments p USING (flow_id)
      WHERE p.status IS DISTINCT FROM 'settled'
        OR (SELECT count(*) FROM invoices i WHERE i.payment_id = p.payment_id) <> 1
        OR (SELECT count(*) FROM payment_events e WHERE e.payment_id = p.payment_id) <> 1`
  )
  expect(
    "flows without a paid and generated ticket for each guest",
    yield* sql`SELECT flow_id FROM ${flows} WHERE ${guestCount} <> (SELECT count(*) FROM tickets t
      WHERE t.flow_id = asked.flow_id AND t.voided_at IS NULL AND t.payment_state = 'paid' AND t.file_key IS NOT NULL)`
  )
  expect(
    "jobs that did not end and tell",
    yield* sql`SELECT job_id, j.status FROM ${flows} JOIN ticket_jobs j USING (flow_id)
      WHERE j.status <> 'completed' OR j.announced_at IS NULL`
  )
  expect(
    "messages that are neither sent once nor scheduled",
    yield* sql`SELECT message_id, n.status FROM ${flows} JOIN notifications n USING (flow_id)
      WHERE n.status NOT IN ('sent', 'scheduled')
        OR (SELECT count(*) FROM notification_attempts a WHERE a.message_id = n.message_id AND a.outcome = 'sent')
          <> CASE n.status WHEN 'sent' THEN 1 ELSE 0 END`
  )
  expect(
    "invoice books with a gap",
    yield* sql`SELECT issuer, year FROM invoices GROUP BY issuer, year
      HAVING max(sequence) <> count(*) OR min(sequence) <> 1`
  )
  return wrong
})
