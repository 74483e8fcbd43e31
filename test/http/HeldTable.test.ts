/**
 * Somebody holds every table for a while: whoever asks is told in time to come again, and nothing is lost or done twice.
 * There is no limit on the test's own clock: while the tables are held, only a deadline answers.
 * Guards whose removal turns this file red: the deadline at the door, the leaving of the scans' line at the fast path, the
 * end of a batch that nobody waits for.
 */
import { assert, describe, layer } from "@effect/vitest"
import { Duration, Effect, Layer } from "effect"
import { Headers } from "effect/http"
import { SqlClient } from "effect/sql"
import payment from "../fixtures/bodies/2-payment-webhook.request.json" with { type: "json" }
import { deadlineOf } from "../../src/http/Deadline.ts"
import { routes } from "../fuzz/Contract.ts"
import { publish } from "../support/GateFixture.ts"
import { acquaint, operator, Port, scan } from "../support/ScanPort.ts"
import { type Answer, TestApp } from "../support/TestApp.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { serverUrl } from "../support/TestDatabase.ts"
import * as Webhooks from "../support/Webhooks.ts"
import { flowBody } from "../support/Installation.ts"

/** Statements of scans that wait for a lock. */
const scansThatWait = `
  SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
    AND query LIKE '%gates_occupancy%'`

/** Runs while a session of its own holds every table of ours, and until what was interrupted has been canceled. */
const whileHeld = <A, E, R>(work: Effect.Effect<A, E, R>) =>
  Effect.scoped(Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const holder = yield* sql.reserve
    const say = (statement: string) => Effect.orDie(holder.executeUnprepared(statement, [], undefined))
    const tables = yield* sql<{ name: string }>`
      SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename`
    const hold = Effect.andThen(
      say("BEGIN"),
      say(`LOCK TABLE ${tables.map(({ name }) => `"${name}"`).join(", ")} IN ACCESS EXCLUSIVE MODE`)
    )
    const calm = Effect.gen(function* () {
      do yield* say("SELECT pg_stat_clear_snapshot()")
      while ((yield* say(scansThatWait)).length > 0)
    })
    return yield* Effect.acquireUseRelease(hold, () => Effect.tap(work, calm), () => say("ROLLBACK"))
  }))

const usual = Duration.seconds(1)

const app = TestAppLayer.layerWith({ REQUEST_DEADLINE: "1 second" })

const isTold = ({ headers, json, status, text }: Answer, what: string) => {
  assert.strictEqual(status, 503, `${what}: ${text}`)
  assert.strictEqual(json.type, "/problems/unavailable")
  assert.isAbove(Number(headers.get("retry-after")), 0)
}

describe.skipIf(serverUrl === undefined)("while every table is held", () => {
  layer(Layer.fresh(Port.layer.pipe(Layer.provideMerge(app))), { excludeTestServices: true })((it) => {
    it.effect("scans and webhooks are told to come again, and are decided once when they do", () =>
      Effect.gen(function* () {
        const { ask, taken } = yield* Port
        const sql = yield* SqlClient.SqlClient
        const [...tickets] = yield* publish(1, 20)
        const token = yield* operator()
        yield* acquaint(token, 1)
        const scans = tickets.map(({ code }, at) =>
          ask({ token, body: scan(1, code, { scan_id: `s${at}` }) })
        )
        const webhook = Webhooks.payment(payment)
        const all = Effect.all([...scans, webhook], { concurrency: "unbounded" })
        const before = taken()
        for (const answer of yield* whileHeld(all)) isTold(answer, "while it is held")
        assert.strictEqual(taken(), before)
        const decided = yield* sql`SELECT 1 FROM scans WHERE event_id = 1 AND result = 'valid'`
        assert.strictEqual(decided.length, 0)
        for (const answer of yield* all) assert.strictEqual(answer.status, 200, answer.text)
        assert.deepStrictEqual(
          (yield* Effect.all(scans)).map(({ json }) => json.result),
          scans.map(() => "valid")
        )
      }))

    it.effect("every route of the core answers, and the process stays what it was", () =>
      Effect.gen(function* () {
        const { admin, ask } = yield* TestApp
        yield* publish(2, 1)
        const flow = ask("/api/orchestration/complete-flow", {
          token: admin,
          headers: { "content-length": "2000" },
          body: flowBody(2)
        })
        yield* ask("/api/events", { token: admin })
        const asked = routes.filter(({ part, sender }) => part === "core" && sender.kind === "token")
          .map((route) => ({ ...route, url: route.path.replace(/:\w*id\b/g, "2").replace(/:\w+/g, "2.pdf") }))
          .filter(({ method, url }) =>
            Duration.equals(
              deadlineOf({ method, url, headers: Headers.fromInput({ "content-length": "2" }) }, usual),
              usual
            )
          )
        const answers = yield* whileHeld(
          Effect.forEach(asked, ({ contentType, method, name, url }) =>
            Effect.map(
              ask(url, {
                method,
                token: admin,
                headers: { "content-type": contentType, "content-length": "2" },
                ...(method === "GET" || method === "DELETE" ? {} : { body: "{}" })
              }),
              (answer) => ({ name, answer })
            ), { concurrency: "unbounded" })
        )
        for (const { answer, name } of answers) {
          if (answer.status >= 500) isTold(answer, name)
        }
        assert.isAbove(answers.filter(({ answer }) => answer.status === 503).length, 10)
        isTold(yield* whileHeld(flow), "a flow")
        assert.strictEqual((yield* ask("/health/live")).status, 200)
        const first = yield* flow
        assert.strictEqual(first.status, 202, first.text)
        assert.strictEqual((yield* flow).json.flow_id, first.json.flow_id)
      }))
  })
})
