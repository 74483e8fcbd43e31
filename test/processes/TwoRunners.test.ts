/** Two processes share the flows of one PostgreSQL: either answers for all, and one finishes what the other leaves. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { audit } from "../support/FlowAudit.ts"
import { completed, start } from "../support/FlowRuns.ts"
import { postgres } from "../support/Installation.ts"
import { type Served, step } from "../support/Served.ts"
import { gauge, runner } from "../support/ServedRunners.ts"
import { serverUrl } from "../support/TestDatabase.ts"
import documented from "../fixtures/bodies/3-scan-validate.request.json" with { type: "json" }

const shardCount = 64

const shared = (served: ReadonlyArray<Served>) =>
  Effect.forEach(served, (one) => gauge(one, "shards")).pipe(
    Effect.repeat({
      until: (counts) => counts.every((count) => count > 0) && counts.reduce((a, b) => a + b) === shardCount
    })
  )

const scan = Effect.fnUntraced(
  function* (served: Served, token: string, event_id: number, ticket_code: string) {
    const body = { ...documented, event_id, ticket_code }
    const { json } = yield* served.ask("/api/scans/validate", { token, body })
    return json.result
  }
)

describe.skipIf(serverUrl === undefined)("two runners on one PostgreSQL", () => {
  it.live(
    "answer for each other's events, and one finishes the flows of the other when it is frozen, and when it is killed",
    () =>
      Effect.gen(function* () {
        const installation = yield* postgres
        const token = yield* installation.token
        const [a, b] = yield* Effect.all([runner(installation), runner(installation)], { concurrency: 2 })
        yield* shared([a, b])

        const early = yield* Effect.forEach([1, 2, 3, 4], (eventId) => start(a, token, eventId), {
          concurrency: 4
        })
        yield* completed(b, token, early)
        const codes = yield* SqlClient.SqlClient.pipe(
          Effect.flatMap((sql) =>
            sql<
              { event: number; code: string }
            >`SELECT number AS event, code FROM tickets JOIN event_numbers USING (event_id) WHERE guest_id = 1`
          ),
          Effect.provide(installation.database)
        )
        for (const { code, event } of codes) {
          assert.strictEqual(yield* scan(event % 2 === 0 ? a : b, token, event, code), "valid")
          assert.strictEqual(yield* scan(event % 2 === 0 ? b : a, token, event, code), "already_used")
        }
        for (const entities of yield* Effect.forEach([a, b], (one) => gauge(one, "entities"))) {
          assert.isAbove(entities, 0)
        }

        const late = yield* Effect.forEach(
          Array.from({ length: 12 }, (_, at) => at + 5),
          (eventId) => start(a, token, eventId),
          { concurrency: "unbounded" }
        )
        yield* b.follow(late[0]!.events, token, step("tickets", "running"))
        yield* a.child.signal("SIGSTOP")
        yield* completed(b, token, late.slice(0, 6))
        yield* a.child.signal("SIGCONT")
        yield* shared([a, b])
        late.push(
          ...yield* Effect.forEach(
            [21, 22, 23, 24],
            (eventId) => start(a, token, eventId),
            { concurrency: "unbounded" }
          )
        )
        yield* b.follow(late.at(-1)!.events, token, step("tickets", "running"))
        yield* a.child.kill("SIGKILL")
        yield* completed(b, token, late)
        yield* b.child.kill("SIGTERM")
        yield* audit(installation, [...early, ...late].map(({ flowId }) => flowId))
      })
  )
})
