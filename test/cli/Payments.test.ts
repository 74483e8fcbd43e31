/**
 * `guichet payments` keeps what a process that serves will do, and shows what there is.
 * Guards whose removal turns this file red: the key that names a refund, the bound, that an event is called off once.
 */
import { assert, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer } from "effect"
import { Command } from "effect/cli"
import { SqlClient } from "effect/sql"
import { payments } from "../../src/cli/Payments.ts"
import * as Platform from "../../src/Platform.ts"
import { embedded } from "../support/Installation.ts"

it.live(
  "guichet payments lists, tells, refunds under a key and calls an event off",
  () =>
    Effect.gen(function* () {
      const { database, env } = yield* embedded
      const inside = <A, E>(work: Effect.Effect<A, E, SqlClient.SqlClient>) =>
        Effect.orDie(Effect.provide(work, database))
      yield* inside(Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`INSERT INTO event_numbers (event_id, owner, number) VALUES (1, 'alice', 7)`
        yield* sql`
        INSERT INTO events (event_id, owner, title, starts_at, timezone, location, max_attendees, status)
        VALUES (1, 'alice', 'Concert', now(), 'Europe/Paris', 'Paris', 10, 'active')`
        yield* sql`
        INSERT INTO payments (payment_id, event_id, owner, amount, currency, status, gateway, settled_at, amount_received)
        VALUES ('pay_1', 1, 'alice', 9999, 'EUR', 'settled', 'stripe', now(), 9999)`
      }))
      const run = (...args: ReadonlyArray<string>) =>
        Command.runWith(payments, { version: "0" })(args).pipe(
          Effect.provide(
            Layer.merge(Platform.services, ConfigProvider.layer(ConfigProvider.fromUnknown(env)))
          ),
          Effect.exit,
          Effect.map(({ _tag }) => _tag)
        )
      const part = ["refund", "pay_1", "--reason", "a seat was wet", "--amount", "1000", "--key"]
      const ended = [
        yield* run(...part, "one"),
        yield* run(...part, "one"),
        yield* run(...part, "two"),
        yield* run("refund", "pay_1", "--reason", "x", "--amount", "9000", "--key", "three"),
        yield* run("refund", "pay_2", "--reason", "x", "--key", "four"),
        yield* run("list"),
        yield* run("refunds", "--limit", "1"),
        yield* run("disputes"),
        yield* run("invoices"),
        yield* run("history", "pay_1"),
        yield* run("call-off", "--event", "7", "--reason", "the hall burnt down"),
        yield* run("call-off", "--event", "7", "--reason", "once more"),
        yield* run("call-off", "--event", "8", "--reason", "there is none")
      ]
      assert.deepStrictEqual(ended, [
        ...Array.from({ length: 3 }, () => "Success"),
        ...Array.from({ length: 2 }, () => "Failure"),
        ...Array.from({ length: 7 }, () => "Success"),
        "Failure"
      ])
      const kept = yield* inside(Effect.flatMap(SqlClient.SqlClient, (sql) =>
        sql<{ amount: number; status: string; event: string; reason: string }>`
        SELECT r.amount::int AS amount, r.status, e.status AS event, c.reason FROM refunds r
        JOIN events e USING (event_id) JOIN event_cancellations c USING (event_id)`))
      const refund = { amount: 1000, status: "requested", event: "canceled", reason: "the hall burnt down" }
      assert.deepStrictEqual(kept, [refund, refund])
    }),
  120_000
)
