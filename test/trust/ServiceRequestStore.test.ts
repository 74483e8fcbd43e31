/** A signature is accepted once, by the database and by memory alike. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { SqlClient } from "effect/sql"
import { ServiceRequestStore } from "../../src/trust/ServiceRequestStore.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

layer(ServiceRequestStore.layer.pipe(Layer.provideMerge(TestDatabase.layer)), { excludeTestServices: true })(
  "accepted signatures in the database",
  (it) => {
    it.effect("are accepted once, however many ask at once, and by each service for itself", () =>
      Effect.gen(function* () {
        const store = yield* ServiceRequestStore
        const answers = yield* Effect.all(
          Array.from({ length: 10 }, () => store.accept("payment-service", "d1")),
          { concurrency: "unbounded" }
        )
        assert.lengthOf(answers.filter((accepted) => accepted), 1)
        assert.isTrue(yield* store.accept("notification-service", "d1"))
      }))

    it.effect("are forgotten when no timestamp could pass any more", () =>
      Effect.gen(function* () {
        const store = yield* ServiceRequestStore
        const sql = yield* SqlClient.SqlClient
        yield* store.accept("payment-service", "old")
        yield* sql`
          UPDATE service_requests SET received_at = now() - interval '1 hour' WHERE signature_digest = 'old'`
        assert.strictEqual(yield* store.forget("11 minutes"), 1)
      }))
  }
)

describe("accepted signatures in memory", () => {
  it.effect("are accepted once and forgotten after eleven minutes", () =>
    Effect.gen(function* () {
      const store = yield* ServiceRequestStore
      assert.isTrue(yield* store.accept("payment-service", "d1"))
      yield* TestClock.adjust("10 minutes")
      assert.isFalse(yield* store.accept("payment-service", "d1"))
      yield* TestClock.adjust("2 minutes")
      assert.isTrue(yield* store.accept("payment-service", "d1"))
    }).pipe(Effect.provide(ServiceRequestStore.layerMemory)))
})
