/**
 * What strangers, operators and organisers were seen to send, on the real routes: refused at its place, and the process
 * answers on. Guards whose removal turns this file red: the bounded request, the first error in place of all, the offset
 * of an instant, storable text in paths and queries.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import flow from "../fixtures/bodies/6-complete-flow.request.json" with { type: "json" }
import payment from "../fixtures/bodies/2-payment-webhook.request.json" with { type: "json" }
import { operator, scan } from "../support/ScanPort.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { type Answer, TestApp } from "../support/TestApp.ts"
import * as Webhooks from "../support/Webhooks.ts"

const pointersOf = ({ json }: Answer): ReadonlyArray<string | undefined> =>
  json.errors.map((error: { readonly pointer?: string }) => error.pointer)

const post = Effect.fnUntraced(function* (path: string, token: string, body: unknown, headers = {}) {
  return yield* (yield* TestApp).ask(path, { token, body, headers })
})

/** The longest that the event loop was held while something ran. */
const heldWhile = <A, E, R>(body: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    let longest = 0
    let last = performance.now()
    const timer = setInterval(() => {
      const now = performance.now()
      longest = Math.max(longest, now - last)
      last = now
    }, 5)
    return Effect.map(body, (value) => [value, Math.max(longest, performance.now() - last)] as const).pipe(
      Effect.ensuring(Effect.sync(() => clearInterval(timer)))
    )
  })

const upload = (scans: string) => `{"event_id":1,"scanner_id":"s","operator_id":"o","scans":[${scans}]}`

const times = (count: number, item: string): string => Array.from({ length: count }, () => item).join(",")

layer(TestAppLayer.layer, { excludeTestServices: true })("what is sent to harm", (it) => {
  it.effect("is refused where metadata is 6,000 levels deep, on each route that reads JSON", () =>
    Effect.gen(function* () {
      const { organizer } = yield* TestApp
      const steward = yield* operator()
      const deep = `${`{"a":`.repeat(6_000)}1${"}".repeat(6_000)}`
      const answers = [
        yield* post("/api/scans/validate", steward, `{"scan_metadata":${deep}}`),
        yield* post("/api/scans/batch", steward, upload(deep)),
        yield* post("/api/orchestration/complete-flow", organizer, deep),
        yield* post("/api/orchestration/notification-flow", organizer, deep),
        yield* Webhooks.payment(deep),
        yield* Webhooks.ticket(deep)
      ]
      for (const answer of answers) {
        assert.strictEqual(answer.status, 422)
        assert.lengthOf(answer.json.errors, 1)
      }
    }))

  it.effect("holds nobody up for long, and lists a hundred errors at most", () =>
    Effect.gen(function* () {
      const { organizer } = yield* TestApp
      const steward = yield* operator()
      const hostile = [
        ["/api/orchestration/complete-flow", organizer, `{"guests":[${times(900_000, "{}")}]}`],
        ["/api/orchestration/complete-flow", organizer, `{"guests":[${times(10_000, "{}")}]}`],
        ["/api/orchestration/complete-flow", organizer, `{"guests":[${times(4_000, "[[],[[]],{}]")}]}`],
        ["/api/scans/batch", steward, upload(times(20_000, "{}"))],
        ["/api/scans/batch", steward, upload(times(5_000, `{"scan_id":"${"x".repeat(600)}"}`))]
      ] as const
      for (const [path, token, body] of hostile) {
        const [answer, held] = yield* heldWhile(post(path, token, body))
        assert.strictEqual(answer.status, 422)
        assert.isAtMost(answer.json.errors.length, 100)
        assert.isBelow(answer.text.length, 100_000)
        assert.isBelow(held, 1_000, "the machine's other work included")
      }
    }), 60_000)

  it.effect("is refused where an instant has an offset of a day or more, or of an hour with 60 minutes", () =>
    Effect.gen(function* () {
      const { organizer } = yield* TestApp
      const steward = yield* operator()
      for (const offset of ["+24:00", "+25:00", "+12:60", "+99:99", "-24:00"]) {
        const at = `2025-06-20T09:00:00${offset}`
        const dated = yield* post("/api/orchestration/complete-flow", organizer, {
          ...flow,
          event_data: { ...flow.event_data, date: at }
        })
        assert.include(pointersOf(dated), "/event_data/date")
        const scanned = yield* post("/api/scans/validate", steward, scan(1, "TKT-1", { timestamp: at }))
        assert.deepStrictEqual(pointersOf(scanned), ["/timestamp"])
        assert.include(pointersOf(yield* Webhooks.payment({ ...payment, timestamp: at })), "/timestamp")
      }
    }))

  it.effect("is refused where a path or a query has U+0000", () =>
    Effect.gen(function* () {
      const { admin, ask, organizer } = yield* TestApp
      const asked = [
        ["/api/tokens/%00", { token: admin, method: "DELETE" }],
        ["/api/tokens/tok%00none", { token: admin, method: "DELETE" }],
        ["/api/orchestration/flows/flow_none/messages?after=%00", { token: organizer }],
        ["/api/orchestration/flows/flow_none/messages?after=a%00b", { token: organizer }]
      ] as const
      for (const [path, how] of asked) assert.strictEqual((yield* ask(path, how)).status, 422, path)
    }))

  it.effect("takes no longer with thousands of slashes in the address", () =>
    Effect.gen(function* () {
      const { organizer } = yield* TestApp
      const path = `/api/orchestration/complete-flow?${"/".repeat(14_000)}x`
      const [answer, held] = yield* heldWhile(post(path, organizer, {}, { "idempotency-key": "slashes" }))
      assert.strictEqual(answer.status, 422)
      assert.isBelow(held, 500)
    }))
})
