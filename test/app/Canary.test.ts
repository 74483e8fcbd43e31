/**
 * A guest with a name, an address and a number that nobody else has goes through every kind of work; then each table,
 * key, file and line of the log is searched for them, whatever is there by now: after `guichet erase`, and after 31 days
 * of which nothing but the clock knows. What is kept is named here and in docs/operating/repair.md.
 * Guards whose removal turned this file red: the context of scans in `KnownTexts` (also in the list of columns), its names
 * inside of sentences, its kept answers, finished ones and those with a word of a name, the outbox in `Erase`, the clock of
 * `IdempotencyStore`, the deliveries in `RetentionStore`, `RetentionStore` in the sweep, and in `KnownTexts` why money goes
 * back, why a refund failed, why an event is called off, what is said of an address, and the journal.
 */
import { assert, layer } from "@effect/vitest"
import { Clock, ConfigProvider, Console, Context, Duration, Effect, Layer, Redacted } from "effect"
import { Redis } from "effect/persistence"
import { SqlClient } from "effect/sql"
import { sweep } from "../../src/app/Housekeeping.ts"
import { queueLayer } from "../../src/app/Services.ts"
import { eraseGuest } from "../../src/cli/Erase.ts"
import * as Platform from "../../src/Platform.ts"
import * as Outbox from "../../src/services/notifications/Outbox.ts"
import { PaymentLedger } from "../../src/services/payments/contract/PaymentLedger.ts"
import { ErasureStore } from "../../src/store/retention/ErasureStore.ts"
import { knownColumns } from "../../src/store/retention/KnownTexts.ts"
import job from "../fixtures/bodies/1-generation-job.request.json" with { type: "json" }
import scanned from "../fixtures/bodies/3-scan-validate.request.json" with { type: "json" }
import sequence from "../fixtures/bodies/5-notification-flow.request.json" with { type: "json" }
import { filesWith, keysWith, openToOthers, tablesWith } from "../support/CanarySearch.ts"
import { keyOf } from "../support/EventIds.ts"
import { bodyFor, finished, guestsNamed, start, ticketsOf, until } from "../support/FlowClient.ts"
import { hasRedis, ownRedis } from "../support/OwnRedis.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { TestApp } from "../support/TestApp.ts"

/** Lines that the app wrote, and the Redis that it has, where one is installed. */
class Seen extends Context.Service<Seen, {
  readonly lines: Array<string>
  readonly redis: Redis.Redis["Service"] | undefined
}>()("test/Seen") {}

const App = Layer.unwrap(Effect.gen(function* () {
  const lines: Array<string> = []
  const url = hasRedis() ? (yield* ownRedis).url : undefined
  const env = { LOG_LEVEL: "debug", ...(url === undefined ? {} : { REDIS_URL: url }) }
  const listening = Layer.succeed(
    Console.Console,
    Object.assign(Object.create(globalThis.console) as Console.Console, {
      error: (...words: ReadonlyArray<unknown>) => void lines.push(words.map(String).join(" "))
    })
  )
  const seen = url === undefined ?
    Layer.succeed(Seen, { lines, redis: undefined }) :
    Layer.effect(Seen, Effect.map(Redis.Redis, (redis) => ({ lines, redis }))).pipe(
      Layer.provide(Platform.redis(Redacted.make(url)))
    )
  const queue = Layer.provide(queueLayer, ConfigProvider.layer(ConfigProvider.fromUnknown(env)))
  return Layer.mergeAll(ErasureStore.layer, PaymentLedger.layer, queue, seen).pipe(
    Layer.provideMerge(Layer.provide(TestAppLayer.layerWith(env), listening))
  )
})).pipe(Layer.orDie)

const canaryOf = (eventId: number) => ({
  guest_id: 1,
  name: `Zephyrine-${eventId} Quagga`,
  email: `quagga-${eventId}@quagga.example`,
  phone: `+3369876${eventId}`,
  ticket_type: "VIP",
  locale: "fr"
})

type Canary = ReturnType<typeof canaryOf>

/** The first name alone too, which a scan answers with. */
const textsOf = ({ email, name, phone }: Canary) => [name, name.split(" ")[0]!, email, phone]

/** Everything that is done with a guest, who is named wherever anybody may write something. */
const live = Effect.fnUntraced(function* (eventId: number, canary: Canary) {
  const { ask, organizer: token } = yield* TestApp
  const sql = yield* SqlClient.SqlClient
  const note = `${canary.name} (${canary.email}, ${canary.phone}) came late`
  const [, ana] = guestsNamed("Jane Smith", "Ana Bilby")
  const body = bodyFor(eventId, { event_data: { date: "2999-06-20T09:00:00Z" }, guests: [canary, ana!] })
  const run = yield* Effect.flatMap(start(body, { "idempotency-key": `canary-${eventId}` }), finished)
  const [ticket] = yield* ticketsOf(run)
  const [step] = sequence.notification_sequence
  const begun = yield* ask("/api/orchestration/notification-flow", {
    token,
    headers: { "idempotency-key": `sequence-${eventId}` },
    body: {
      ...sequence,
      event_id: eventId,
      user_id: 1,
      notification_sequence: [
        { ...step, trigger: "registration", delay_seconds: 0, data: { note } },
        { ...step, trigger: "scheduled", delay_seconds: 86_400, data: { note } }
      ]
    }
  })
  assert.strictEqual(begun.status, 202, begun.text)
  yield* until(
    ask(begun.json.status_url, { token }),
    ({ json }) => json.messages.some((one: { readonly status: string }) => one.status === "sent")
  )
  const scan = (changes: { readonly scan_id: string; readonly ticket_code: string }) =>
    ask("/api/scans/validate", {
      token,
      headers: { "idempotency-key": changes.scan_id },
      body: { ...scanned, event_id: eventId, scan_metadata: { note }, ...changes }
    })
  yield* scan({ ticket_code: ticket.ticket_code, scan_id: `entry-${eventId}` })
  yield* scan({ ticket_code: canary.name, scan_id: `typed-${eventId}` })
  const annulled = yield* ask(`/api/scans/entry-${eventId}/annul`, {
    token,
    body: { event_id: eventId, scanner_id: scanned.scanner_id, reason: note }
  })
  assert.strictEqual(annulled.status, 200, annulled.text)
  const retried = yield* ask(`/api/tickets/generation-jobs`, {
    token,
    body: { ...job, ticket_ids: [ticket.ticket_id] }
  })
  yield* until(
    ask(`/api/tickets/generation-jobs/${retried.json.job_id}`, { token }),
    ({ json }) => json.status === "completed"
  )
  yield* until(
    Effect.map(
      sql`SELECT 1 FROM payments WHERE payment_id = ${run.flow.payment_id} AND amount_received > 0`,
      (rows) => rows.length
    ),
    (paid) => paid > 0
  )
  const refund = yield* ask(`/api/payments/${run.flow.payment_id}/refunds`, {
    token,
    headers: { "idempotency-key": `refund-${eventId}` },
    body: { amount: 1, reason: note }
  })
  assert.strictEqual(refund.status, 202, refund.text)
  for (const address of [canary.email, `ana-${eventId}@bilby.example`]) {
    const listed = yield* ask("/api/suppressions", {
      token,
      body: { channel: "email", address, detail: note }
    })
    assert.isBelow(listed.status, 300, listed.text)
  }
  const path = `/api/events/${eventId}/cancellation`
  const calledOff = yield* ask(path, { token, body: { reason: note } })
  assert.strictEqual(calledOff.status, 202, calledOff.text)
  yield* until(ask(path, { token }), ({ json }) => json.status === "finished")
  // What mail servers, gateways and generators say of a failure names whom it was about.
  yield* sql`UPDATE notification_attempts SET reason = ${note} WHERE message_id IN
    (SELECT message_id FROM notifications WHERE recipient = ${canary.email})`
  yield* sql`UPDATE ticket_job_items SET reason = ${note} WHERE job_id = ${run.flow.job_id}`
  yield* sql`UPDATE ticket_jobs SET error = ${note} WHERE job_id = ${run.flow.job_id}`
  yield* sql`UPDATE flows SET error = ${JSON.stringify({ code: "c", detail: note })}::jsonb
    WHERE flow_id = ${run.flow.flow_id}`
  const exit = { _tag: "Failure", cause: [{ _tag: "Fail", error: { message: note } }] }
  yield* sql`UPDATE workflow_journal SET exit = ${JSON.stringify(exit)} WHERE execution =
    (SELECT 'CompleteFlow/' || execution_id FROM flows WHERE flow_id = ${run.flow.flow_id})`
  yield* sql`UPDATE refunds SET failure = ${note} WHERE payment_id = ${run.flow.payment_id}`
  return run
}, Effect.orDie)

const found = Effect.fnUntraced(function* (canary: Canary) {
  const { directory } = yield* TestApp
  const { lines, redis } = yield* Seen
  const texts = textsOf(canary)
  return {
    tables: yield* tablesWith(texts),
    keys: redis === undefined ? [] : yield* keysWith(redis, texts),
    files: filesWith(directory, texts),
    lines: lines.filter((line) => texts.some((text) => line.includes(text)))
  }
})

/** With a clock that is so far ahead. */
const after = (by: Duration.Duration) => <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.clockWith((clock) => {
    const now = () => clock.currentTimeMillisUnsafe() + Duration.toMillis(by)
    return Effect.provideService(
      effect,
      Clock.Clock,
      Object.assign(Object.create(clock) as Clock.Clock, {
        currentTimeMillisUnsafe: now,
        currentTimeMillis: Effect.sync(now)
      })
    )
  })

/** What an organiser keeps until the guest is erased, and the mailboxes of workflows, which are purged by their own rules. */
const records = [
  "cluster_messages",
  "cluster_replies",
  "event_cancellations",
  "flows",
  "guests",
  "guichet_key_values",
  "invoices",
  "notification_attempts",
  "notification_sequences",
  "notifications",
  "payments",
  "refunds",
  "scans",
  "suppressions",
  "ticket_job_items",
  "ticket_jobs",
  "workflow_journal"
]

/** Columns with a statement of their own in `ErasureStore`, `GeneratorQueue.forget`, the ledger or the end of `replaceKnown`. */
const erased = [
  "guests.name guests.email guests.phone flows.request payments.customer notifications.recipient",
  "guichet_key_values.value ticket_queue.element idempotency_keys.body suppressions.address"
].join(" ").split(" ")

/** What the law keeps, what an organiser says to all, a queue that no service of ours puts a guest into, and a word of ours. */
const kept = [
  "invoices.document events.title events.location events.terms events.organizer events.gate_rules tokens.gates",
  "invoices.corrects payment_events.facts payments.attention",
  "guests.ticket_type tickets.ticket_type tickets.seat tokens.subject tokens.events guichet_queue.element",
  "suppressions.reason cluster_runners.address"
].join(" ").split(" ")

/** Names, words and digests of ours or of the organiser: where a column is called so, nobody writes freely. */
const identifiers = new Set(
  [
    "accent asked_by body_digest caller channel claimed_result code currency design device_id digest direction event_type",
    "flow_type gate gateway gateway_ref headers id issuer kind key locale logo_digest method name number outcome owner",
    "priority qr_data result role route service signature_digest source state status step template timezone trigger type",
    "annul_operator annulled_by operator_id options origin payment_state first_gate entity_id entity_type message_id shard_id",
    "tag reply_id machine_id runner queue_name acquired_by ticket_ids execution"
  ].join(" ").split(" ")
)

const isIdentifier = (name: string): boolean => {
  const column = name.slice(name.indexOf(".") + 1)
  return identifiers.has(column) || /_(id|key|url)$/.test(column)
}

const timeout = "1 minute"

layer(App, { excludeTestServices: true, timeout })("a guest whom nobody is to know any more", (it) => {
  it.effect("is after an erasure where the law wants it, and nowhere else", () =>
    Effect.gen(function* () {
      const { directory } = yield* TestApp
      const canary = canaryOf(41_001)
      yield* live(41_001, canary)
      const before = yield* found(canary)
      for (const table of [...records, "idempotency_keys", "webhook_deliveries"]) {
        if (!table.startsWith("cluster_")) assert.include(before.tables, table)
      }
      assert.isNotEmpty(before.files)
      assert.deepStrictEqual(openToOthers(directory), [])
      yield* eraseGuest({ eventId: yield* keyOf(41_001), number: 41_001, guestId: 1 }, directory)
      assert.deepStrictEqual(yield* found(canary), { tables: ["invoices"], keys: [], files: [], lines: [] })
    }))

  it.effect("is after 31 days in the organiser's records alone", () =>
    Effect.gen(function* () {
      const { directory } = yield* TestApp
      const canary = canaryOf(41_002)
      yield* live(41_002, canary)
      const before = yield* found(canary)
      for (const table of ["idempotency_keys", "webhook_deliveries"]) assert.include(before.tables, table)
      assert.isNotEmpty(before.files)
      const housekeeping = Effect.andThen(sweep, Outbox.sweep(directory))
      yield* after(Duration.days(30))(housekeeping)
      assert.deepStrictEqual((yield* found(canary)).files, before.files)
      yield* after(Duration.days(32))(housekeeping)
      const { files, keys, lines, tables } = yield* found(canary)
      assert.deepStrictEqual(tables.filter((table) => !records.includes(table)), [])
      assert.deepStrictEqual({ files, keys, lines }, { files: [], keys: [], lines: [] })
    }))

  it.effect("is looked for in every column that anybody writes freely", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const columns = yield* sql<{ name: string }>`
        SELECT table_name || '.' || column_name AS name FROM information_schema.columns
        WHERE table_schema = 'public' AND data_type IN ('text', 'jsonb', 'bytea', 'ARRAY') ORDER BY 1`
      const known = new Set([
        ...knownColumns.map(([table, column]) => `${table}.${column}`),
        ...erased,
        ...kept
      ])
      const unknown = columns.map(({ name }) => name).filter((name) =>
        !known.has(name) && !isIdentifier(name)
      )
      assert.deepStrictEqual(unknown, [])
    }))
})
