/**
 * A webhook is stored once, and its repeats are told what the first was told; those that come together share a commit.
 * Guards whose removal turns this file red: the first of several of one id, the statements in groups, those that are tried
 * one by one when one of them is refused.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { Random } from "../fuzz/Random.ts"
import { type Delivery, WebhookStore } from "../../src/store/WebhookStore.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const delivery: Delivery = {
  source: "payment",
  webhookId: "wh_1",
  eventType: "payment.completed",
  body: { amount: 9999 },
  headers: { "x-request-id": "req_1" }
}

layer(Layer.provideMerge(WebhookStore.layer, TestDatabase.layer))("the webhook store", (it) => {
  it.effect("gives a repeat the first answer, and keeps that one", () =>
    Effect.gen(function* () {
      const webhooks = yield* WebhookStore
      assert.deepStrictEqual(yield* webhooks.receive(delivery), { fresh: true, answer: null })
      assert.deepStrictEqual(yield* webhooks.receive(delivery), { fresh: false, answer: null })
      yield* webhooks.answered("payment", "wh_1", { status: "settled" })
      yield* webhooks.answered("payment", "wh_1", { status: "other" })
      assert.deepStrictEqual(yield* webhooks.receive(delivery), {
        fresh: false,
        answer: { status: "settled" }
      })
    }))

  it.effect("keeps the ids of two senders apart, and takes simultaneous repeats once", () =>
    Effect.gen(function* () {
      const webhooks = yield* WebhookStore
      const one: Delivery = { ...delivery, source: "ticket", webhookId: "wh_2" }
      yield* webhooks.receive({ ...one, source: "payment" })
      const all = yield* Effect.all([one, one, one, one].map(webhooks.receive), { concurrency: "unbounded" })
      assert.strictEqual(all.filter(({ fresh }) => fresh).length, 1)
    }))

  it.effect("takes those that come together in few commits, each id as if it had come alone", () =>
    Effect.gen(function* () {
      const webhooks = yield* WebhookStore
      const sql = yield* SqlClient.SqlClient
      for (let seed = 1; seed <= 20; seed++) {
        const random = new Random(seed)
        const ids = Array.from({ length: 60 }, () => `wh_${seed}_${random.below(50)}`)
        const all = yield* Effect.all(
          ids.map((webhookId, at) => webhooks.receive({ ...delivery, webhookId, body: { at } })),
          { concurrency: "unbounded" }
        )
        const firsts = ids.flatMap((id, at) => ids.indexOf(id) === at ? [at] : [])
        assert.deepStrictEqual(all.flatMap(({ fresh }, at) => fresh ? [at] : []), firsts, `seed ${seed}`)
        const rows = yield* sql<{ readonly at: number; readonly commits: number }>`
          SELECT (body ->> 'at')::int AS at, (count(*) OVER ())::int AS rows,
            (SELECT count(DISTINCT xmin::text)::int FROM webhook_deliveries
              WHERE webhook_id LIKE ${`wh\\_${seed}\\_%`}) AS commits
          FROM webhook_deliveries WHERE webhook_id LIKE ${`wh\\_${seed}\\_%`} ORDER BY 1`
        assert.deepStrictEqual(rows.map(({ at }) => at), firsts, `seed ${seed}`)
        assert.isAtMost(rows[0]!.commits, 2, `seed ${seed}`)
        yield* Effect.all(
          ids.map((id, at) => webhooks.answered("payment", id, { at })),
          { concurrency: "unbounded" }
        )
        const again = yield* Effect.all(
          ids.map((webhookId) => webhooks.receive({ ...delivery, webhookId })),
          {
            concurrency: "unbounded"
          }
        )
        assert.isTrue(again.every(({ answer, fresh }) => answer !== null && !fresh), `seed ${seed}`)
      }
    }))

  it.effect("fails the one that the database refuses, and no other", () =>
    Effect.gen(function* () {
      const webhooks = yield* WebhookStore
      const exits = yield* Effect.all(
        Array.from({ length: 8 }, (_, at) =>
          Effect.exit(webhooks.receive({
            ...delivery,
            webhookId: `wh_refused_${at}`,
            body: { text: at === 3 ? "a\u0000b" : "ab" }
          }))),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(exits.map(Exit.isSuccess), exits.map((_, at) => at !== 3))
    }))
})
