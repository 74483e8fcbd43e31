/**
 * Two organisers with the same numbers: every route, for every identity, on its own things and on the other's. The routes
 * come from the contract, so a new one is in the matrix by itself, or the matrix asks to be taught.
 * Guards whose removal turns this file red: the owner in `EventNumbers.find`, `mayRead`, the list in `reach`, the numbers
 * that stores show, `event_uid`, the digests by number, the owner clause of `ScanStore.load`.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { HttpApi } from "effect/http-api"
import { SqlClient } from "effect/sql"
import { Api } from "../../src/api/Api.ts"
import { eraseGuest } from "../../src/cli/Erase.ts"
import { digestOf } from "../../src/gate/offline/OfflineBundle.ts"
import { GeneratorQueue } from "../../src/services/generator/GeneratorQueue.ts"
import { PaymentLedger } from "../../src/services/payments/contract/PaymentLedger.ts"
import { ErasureStore } from "../../src/store/retention/ErasureStore.ts"
import { TokenStore } from "../../src/store/TokenStore.ts"
import type { NewToken } from "../../src/store/TokenRows.ts"
import scanned from "../fixtures/bodies/3-scan-validate.request.json" with { type: "json" }
import sequence from "../fixtures/bodies/5-notification-flow.request.json" with { type: "json" }
import { keyOf, publishAs } from "../support/EventIds.ts"
import { bodyFor, until } from "../support/FlowClient.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { type Answer, TestApp } from "../support/TestApp.ts"
import { overhear } from "../support/Witness.ts"

type Things = Readonly<Record<string, string>>

const tokenFor = (token: NewToken) =>
  Effect.flatMap(
    TokenStore,
    (tokens) => Effect.map(tokens.create(token), (made) => Redacted.value(made.token))
  )

/** A flow of an organiser's event, and the numbers and ids of all that it made. */
const flowOf = Effect.fnUntraced(function* (token: string, owner: string, eventId: number) {
  const app = yield* TestApp
  const changes = {
    event_data: { title: `Gala of ${owner} ${eventId}`, date: "2999-06-20T09:00:00Z" },
    payment_config: { auto_confirm: true }
  }
  const accepted = yield* app.ask("/api/orchestration/complete-flow", {
    token,
    body: bodyFor(eventId, changes)
  })
  assert.strictEqual(accepted.status, 202, accepted.text)
  const { json: flow } = yield* until(
    app.ask(accepted.json.status_url, { token }),
    ({ json }) => json.finished_at !== null
  )
  assert.strictEqual(flow.status, "completed", JSON.stringify(flow))
  const { json: job } = yield* app.ask(`/api/tickets/generation-jobs/${flow.job_id}`, { token })
  const ticketId: number = job.tickets[0].ticket_id
  const { json: ticket } = yield* app.ask(`/api/tickets/${ticketId}`, { token })
  const [reminder] = sequence.notification_sequence.filter((step) => step.trigger === "scheduled")
  const { json: made } = yield* app.ask("/api/orchestration/notification-flow", {
    token,
    body: { ...sequence, event_id: eventId, user_id: 1, notification_sequence: [{ ...reminder, data: {} }] }
  })
  yield* until(app.ask(made.status_url, { token }), ({ json }) => json.messages?.length > 0)
  const scan_id = `scan-${owner}-${eventId}`
  const scan = yield* app.ask("/api/scans/validate", {
    token,
    body: { ...scanned, event_id: eventId, ticket_code: ticket.ticket_code, scan_id }
  })
  assert.strictEqual(scan.json.result, "valid", scan.text)
  const refund_id = `refund_${owner}_${eventId}`
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    INSERT INTO refunds (refund_id, payment_id, name, owner, event_id, amount, currency, reason, origin, status)
    SELECT ${refund_id}, payment_id, ${refund_id}, owner, event_id, 1, currency, 'a seat was wet', 'organizer', 'refused'
    FROM payments WHERE payment_id = ${flow.payment_id}`
  const things: Things = {
    event_id: String(eventId),
    refund_id,
    flow_id: flow.flow_id,
    order_id: flow.flow_id,
    job_id: flow.job_id,
    ticket_id: String(ticketId),
    payment_id: flow.payment_id,
    sequence_id: made.flow_id,
    guest_id: "1",
    message_id: `${flow.flow_id}.registration_confirmation.1.email`,
    scan_id,
    file: `${flow.invoice_number}.pdf`,
    template_id: "1",
    ticket_code: ticket.ticket_code,
    qr_data: ticket.qr_data
  }
  return things
})

const absent: Things = {
  event_id: "9",
  flow_id: "flow_00000000000000000000",
  order_id: "flow_00000000000000000000",
  job_id: "job_00000000000000000000_1",
  ticket_id: "999999",
  payment_id: "pay_00000000000000000000",
  refund_id: "refund_00000000000000000000",
  sequence_id: "seq_00000000000000000000",
  message_id: "flow_00000000000000000000.registration_confirmation.1.email",
  guest_id: "1",
  digest: "0".repeat(64),
  scan_id: "scan-nobody-9",
  file: "INV-2026-999999.pdf",
  token_id: "tok_none",
  template_id: "1",
  ticket_code: "TKT-009-0123456789ABCDEF",
  qr_data: "{}"
}

const upload = ({ event_id, ticket_code }: Things) => ({
  event_id: Number(event_id),
  scanner_id: "scanner-1",
  operator_id: "sam",
  scans: [{
    scan_id: "offline-1",
    ticket_code,
    gate: "A",
    result: "valid",
    timestamp: "2025-06-20T09:00:00Z"
  }]
})

const rules = {
  copy_window_seconds: 3,
  device_refusals: 20,
  device_window_seconds: 60,
  copy_presentations: 3,
  copy_presentations_window_seconds: 3_600,
  on_suspicion: "signal"
}

const options = {
  qrFormat: "png",
  qrSize: "medium",
  pdfFormat: true,
  includeLogo: false,
  priority: "high",
  batch_processing: true
}

/** The body of each route that has one, about these things; null where nothing that is somebody's is named. */
const bodies: Readonly<Record<string, ((things: Things) => unknown) | null>> = {
  "POST /api/orchestration/complete-flow": null,
  "POST /api/orchestration/notification-flow": ({ event_id }) => ({
    ...sequence,
    event_id: Number(event_id),
    user_id: 1
  }),
  "POST /api/orchestration/notification-flow/:sequence_id/cancel": () => undefined,
  "POST /api/messages/dead/resend": ({ event_id }) => ({ event_id: Number(event_id) }),
  "POST /api/messages/:message_id/resend": () => undefined,
  "POST /api/tickets/:ticket_id/messages": () => ({ channel: "email" }),
  "PATCH /api/events/:event_id/guests/:guest_id/address": () => ({ email: "somebody@example.com" }),
  "POST /api/suppressions": null,
  "DELETE /api/suppressions/:digest": () => undefined,
  "POST /api/orchestration/flows/:flow_id/cancel": () => undefined,
  "POST /api/tickets/generation-jobs": ({ ticket_id }) => ({ ticket_ids: [Number(ticket_id)], options }),
  "POST /api/tickets/generation-jobs/:job_id/cancel": () => undefined,
  "POST /api/tickets/generation-jobs/:job_id/retry": () => undefined,
  "PUT /api/templates/:template_id/style": null,
  "PUT /api/templates/:template_id/logo": null,
  "DELETE /api/templates/:template_id/logo": null,
  "POST /api/payments/:payment_id/refunds": () => ({ reason: "a seat was wet" }),
  "POST /api/events/:event_id/cancellation": () => ({ reason: "the hall burnt down" }),
  "PUT /api/events/:event_id/status": () => ({ status: "active" }),
  "PUT /api/events/:event_id/terms": () => ({ terms: "No dogs.", organizer: "Somebody" }),
  "PUT /api/events/:event_id/gate-rules": () => rules,
  "POST /api/scans/validate": ({ event_id, scan_id, ticket_code }) => ({
    ...scanned,
    event_id: Number(event_id),
    ticket_code,
    scan_id
  }),
  "POST /api/scans/:scan_id/annul": ({ event_id }) => ({
    event_id: Number(event_id),
    scanner_id: scanned.scanner_id
  }),
  "POST /api/scans/batch": upload,
  // No JSON body: test/api/gate/ScanStream.test.ts compares what is another's with what is not there.
  "POST /api/scans/stream": null,
  "POST /api/events/:event_id/scans/:scan_id/annul": () => ({ reason: "Wrong turnstile" }),
  "POST /api/events/:event_id/let-in": ({ ticket_code }) => ({
    ticket_code,
    scanner_id: "door-1",
    scan_location: { gate: "A" },
    reason: "Knows the singer"
  }),
  "POST /api/tokens": null,
  "DELETE /api/tokens/:token_id": () => undefined,
  "POST /api/internal/scan-validation": null,
  "POST /api/internal/print-details": null,
  "POST /api/payment-webhook-routes": null,
  "POST /api/ticket-webhook-routes": null,
  "POST /api/mail-feedback/ses": null,
  "POST /api/mail-feedback/mailgun": null,
  "POST /api/mail-feedback/postmark": null,
  "POST /api/mail-feedback/plain": null
}

/** A feed without an end: its first part is what `GET /api/events/:event_id/gate` shows. */
const endless = new Set(["/api/events/:event_id/gate/events"])

/** What a route needs in its query to be answered at all. */
const queries: Readonly<Record<string, string>> = {
  "GET /api/events/:event_id/offline-bundle": "?gate=A",
  "GET /api/events/:event_id/tickets.pdf": "?guest_id=1"
}

const routes = (() => {
  const found: Array<{ readonly method: string; readonly path: string }> = []
  HttpApi.reflect(Api, {
    onGroup: () => {},
    onEndpoint: ({ endpoint }) => {
      found.push({ method: endpoint.method, path: endpoint.path })
    }
  })
  return found
})()

const requestOf = ({ method, path }: (typeof routes)[number], things: Things) => {
  const name = `${method} ${path}`
  const filled = path.replaceAll(/:(\w+)/g, (_, parameter: string) => {
    const value = things[parameter] ?? absent[parameter]
    if (value === undefined) throw new Error(`Teach the matrix the parameter ${parameter} of ${name}`)
    return value
  })
  const body = method === "GET" ? () => undefined : bodies[name]
  if (body === undefined) throw new Error(`Teach the matrix the body of ${name}`)
  return body === null
    ? undefined
    : { name, url: `${filled}${queries[name] ?? ""}`, method, body: body(things) }
}

/** An answer without what differs between any two: times, request ids, and what was asked for. */
const seen = ({ headers, status, text }: Answer, things: Things): string => {
  const kept = [...headers].filter(([name]) => !["content-length", "date", "x-request-id"].includes(name))
    .sort()
  const asked = Object.values(things).filter((value) => value.length > 3).sort((a, b) => b.length - a.length)
  const blank = (value: string) =>
    asked.reduce((rest, thing) => rest.replaceAll(JSON.stringify(thing).slice(1, -1), "…"), value)
      .replaceAll(/"(took_ms|retry_after|unreached_scans)":\d+/g, "")
      .replaceAll(/"unreached_at":(null|"[^"]*")/g, "")
      .replaceAll(/"(decided_at|request_id|instance)":"[^"]*"/g, "")
      .replaceAll(new RegExp(`(event(_id":| |/)|numéro )${things["event_id"]}\\b`, "g"), "event …")
      .replaceAll(new RegExp(`ticket ${things["ticket_id"]}\\b`, "g"), "ticket …")
  return JSON.stringify([status, blank(JSON.stringify(kept)), blank(text)])
}

/** The rows of every table, the cluster's mailboxes and what counts unreached scans aside. */
const contents = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const tables = yield* sql<{ name: string }>`
    SELECT table_name AS name FROM information_schema.tables
    WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name !~ '^(cluster|guichet)_'
      AND table_name <> 'tokens' ORDER BY 1`
  const hashes = tables.map(({ name }) =>
    `SELECT '${name}' AS name, md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) AS hash FROM "${name}" t`
  )
  return yield* sql.unsafe<{ name: string; hash: string }>(hashes.join(" UNION ALL "))
}).pipe(Effect.orDie)

const world = Effect.gen(function* () {
  const app = yield* TestApp
  const bob = yield* tokenFor({ role: "organizer", subject: "bob" })
  const alices = yield* flowOf(app.organizer, "alice", 1)
  const alicesOther = yield* flowOf(app.organizer, "alice", 2)
  const bobs = yield* flowOf(bob, "bob", 1)
  const bobsOther = yield* flowOf(bob, "bob", 5)
  const steward = (more: Partial<NewToken>) =>
    tokenFor({ role: "operator", subject: "sam", owner: "alice", ...more })
  const as = (organizer: string) => ({ token: app.admin, headers: { "x-organizer": organizer } })
  const identities = {
    nobody: {},
    unknown: { token: "gct_nobody" },
    alice: { token: app.organizer },
    adminAsAlice: as("alice"),
    steward: { token: yield* steward({ events: [1, 2] }) },
    stewardAtA: { token: yield* steward({ events: [1], gates: ["A"] }) },
    stewardAnywhere: { token: yield* steward({}) },
    supervisor: { token: yield* steward({ role: "supervisor", events: [1, 2] }) },
    supervisorAtA: { token: yield* steward({ role: "supervisor", events: [1], gates: ["A"] }) },
    bobsSteward: { token: yield* tokenFor({ role: "operator", subject: "sam", owner: "bob", events: [1] }) },
    bob: { token: bob },
    adminAsBob: as("bob"),
    pretender: { token: app.organizer, headers: { "x-organizer": "bob" } }
  }
  const keys = [
    yield* keyOf(1),
    yield* keyOf(2),
    yield* keyOf(1, "bob"),
    yield* keyOf(5, "bob")
  ]
  return { alices, alicesOther, bob, bobs, bobsOther, identities, keys }
})

const App = Layer.mergeAll(ErasureStore.layer, PaymentLedger.layer, GeneratorQueue.layerSql).pipe(
  Layer.provideMerge(TestAppLayer.layer)
)

layer(App, { excludeTestServices: true })("two organisers with the same numbers", (it) => {
  it.effect(
    "do everything side by side, and neither is told anything of the other",
    () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const heard = yield* Effect.forEach(["tickets", "notifications", "payments"] as const, overhear)
        const { alices, alicesOther, bobs, bobsOther, identities, keys } = yield* world
        assert.isTrue(keys.every((key) => key > 1_000_000_000))
        assert.notStrictEqual(keys[0], keys[2])

        const ask = (who: keyof typeof identities, route: (typeof routes)[number], things: Things) => {
          const request = requestOf(route, things)
          return request === undefined ? Effect.succeed(undefined) : Effect.map(
            app.ask(request.url, { ...identities[who], method: request.method, body: request.body }),
            (answer) => ({ ...answer, name: `${who}: ${request.name}` })
          )
        }
        const leaks = (text: string) =>
          keys.filter((key) => new RegExp(`(?<!event-)\\b${key}\\b`).test(text)).length > 0

        const sides = [
          [
            [
              "nobody",
              "unknown",
              "alice",
              "adminAsAlice",
              "steward",
              "stewardAtA",
              "stewardAnywhere",
              "supervisor",
              "supervisorAtA",
              "pretender"
            ],
            bobsOther,
            "of bob"
          ],
          [["bob", "adminAsBob", "bobsSteward"], alicesOther, "of alice"]
        ] as const
        const before = yield* contents
        for (const [who, foreign, other] of sides) {
          for (const identity of who) {
            for (const route of routes) {
              const [there, nowhere] = [
                yield* ask(identity, route, foreign),
                yield* ask(identity, route, absent)
              ]
              if (there === undefined || nowhere === undefined) continue
              assert.strictEqual(seen(there, foreign), seen(nowhere, absent), there.name)
              assert.isBelow(there.status, 500, there.name)
              assert.notInclude(there.text, other, there.name)
            }
          }
        }
        assert.deepStrictEqual(yield* contents, before)

        for (const [who, own, other] of [["alice", alices, "of bob"], ["bob", bobs, "of alice"]] as const) {
          for (const route of routes.filter(({ method, path }) => method === "GET" && !endless.has(path))) {
            const answer = yield* ask(who, route, own)
            if (answer === undefined || route.path.startsWith("/api/tokens")) continue
            assert.strictEqual(answer.status, 200, `${answer.name} ${answer.text}`)
            assert.isFalse(leaks(answer.text), `${answer.name} ${answer.text}`)
            assert.notInclude(answer.text, other, answer.name)
          }
        }
        for (
          const list of [
            "/api/events",
            "/api/orchestration/flows?event_id=1",
            "/api/tickets/generation-jobs?event_id=1"
          ]
        ) {
          const all = yield* app.ask(list, { token: app.admin })
          assert.isFalse(leaks(all.text), all.text)
          const [rows] = Object.values(all.json) as ReadonlyArray<
            ReadonlyArray<{ readonly event_id: number }>
          >
          assert.strictEqual(rows!.filter(({ event_id }) => event_id === 1).length, 2, all.text)
        }
        const { json: listed } = yield* app.ask("/api/events", { token: app.admin })
        assert.sameMembers(
          listed.events.map(({ event_id, organizer }: { event_id: number; organizer: string }) =>
            `${organizer} ${event_id}`
          ),
          ["alice 1", "alice 2", "bob 1", "bob 5"]
        )
        const sent = heard.flat()
        assert.isAbove(sent.length, 10)
        for (const { json, path } of sent) assert.isFalse(leaks(JSON.stringify(json)), path)
        assert.sameMembers(
          [...new Set(sent.flatMap(({ json }) => json?.variables?.event_uid ?? []))],
          keys.map((key) => `event-${key}`)
        )
      }).pipe(Effect.scoped),
    240_000
  )

  it.effect(
    "scan, annul, watch, take along and upload under their own number, and forget their own guest",
    () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const bob = yield* tokenFor({ role: "organizer", subject: "bob" })
        const mine = {
          key: 1_000_000_901,
          token: app.organizer,
          ...(yield* publishAs(1_000_000_901, "alice", 51))
        }
        const theirs = { key: 1_000_000_902, token: bob, ...(yield* publishAs(1_000_000_902, "bob", 51)) }
        for (const [own, other] of [[mine, theirs], [theirs, mine]] as const) {
          const ask = (path: string, body?: unknown) => app.ask(path, { token: own.token, body })
          const scan = (ticket_code: string, scan_id: string) =>
            ask("/api/scans/validate", { ...scanned, event_id: 51, ticket_code, scan_id })
          assert.include(own.qr, '"eventId":51')
          const bundle = yield* ask("/api/events/51/offline-bundle?gate=A")
          assert.deepInclude(bundle.json.event, { event_id: 51, inside: 0 })
          assert.strictEqual(bundle.json.tickets.unused, digestOf(51, own.code))
          assert.strictEqual((yield* scan(other.qr, "other-1")).json.result, "unknown_ticket")
          const entry = yield* scan(own.qr, "entry-1")
          assert.deepInclude(entry.json, { result: "valid", event_id: 51 })
          const annulled = yield* ask("/api/scans/entry-1/annul", {
            event_id: 51,
            scanner_id: scanned.scanner_id
          })
          assert.deepInclude(annulled.json, { event_id: 51, scan_id: "entry-1" })
          const uploaded = yield* ask("/api/scans/batch", upload({ event_id: "51", ticket_code: own.code }))
          assert.deepStrictEqual([uploaded.json.event_id, uploaded.json.verdicts[0].result], [51, "valid"])
          const gate = yield* ask("/api/events/51/gate")
          assert.deepInclude(gate.json, { event_id: 51, inside: 1, annulled: 1 })
          const journal = yield* ask("/api/events/51/scans?limit=1")
          assert.strictEqual(journal.json.event_id, 51)
          assert.include(journal.headers.get("link"), "/api/events/51/scans?")
          for (const { text } of [bundle, entry, annulled, uploaded, gate, journal]) {
            assert.notInclude(text, String(own.key))
          }
        }
        yield* eraseGuest({ eventId: mine.key, number: 51, guestId: 1 }, app.directory)
        const named = (token: string, id: number) =>
          Effect.map(app.ask(`/api/tickets/${id}`, { token }), ({ json }) => json)
        assert.strictEqual((yield* named(app.organizer, mine.id)).guest_name, "Guest 1")
        assert.deepInclude(yield* named(bob, theirs.id), { guest_name: "Ana B", event_id: 51 })
      }),
    60_000
  )
})
