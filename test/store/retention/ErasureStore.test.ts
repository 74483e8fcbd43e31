/**
 * Messages that are made before their guest is erased and entered in the ledger after it, or meanwhile. Guards whose
 * removal turns this file red: the pseudonym that `enlist` looks for, its lock on the guests, the lock that erasing begins
 * with, the payer's number on a message to a payer, the organiser of a list of addresses.
 */
import { assert, describe, layer } from "@effect/vitest"
import { Effect, Fiber, Latch, Layer, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { digestOf } from "../../../src/store/AddressDigest.ts"
import { ErasureStore } from "../../../src/store/retention/ErasureStore.ts"
import { NotificationStore } from "../../../src/store/notifications/NotificationStore.ts"
import type { NewMessage } from "../../../src/store/notifications/NotificationRows.ts"
import { GateStores, publish } from "../../support/GateFixture.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const Stores = Layer.mergeAll(ErasureStore.layer, NotificationStore.layer, GateStores).pipe(
  Layer.provideMerge(TestDatabase.layer)
)

const address = "zebulon@quagga.example"

const message = (eventId: number, changes: Partial<NewMessage> = {}): NewMessage => ({
  messageId: `welcome.${eventId}.${changes.skip ?? changes.payerId ?? "guest"}`,
  sequenceId: null,
  flowId: `flow_${eventId}`,
  eventId,
  guestId: 1,
  type: "welcome",
  template: "welcome",
  channel: "email",
  priority: "normal",
  recipient: address,
  scheduledAt: null,
  skip: null,
  ...changes
})

const enlist = (messages: ReadonlyArray<NewMessage>) =>
  Effect.flatMap(NotificationStore, (ledger) => ledger.enlist(messages))

const erase = (eventId: number) =>
  Effect.flatMap(ErasureStore, (store) => store.erase({ eventId, number: eventId, guestId: 1 }))

const ledgerOf = (eventId: number) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) =>
      sql`SELECT recipient, status, reason FROM notifications WHERE event_id = ${eventId}::bigint
      ORDER BY message_id`
  )

const canceled = { recipient: "", status: "canceled", reason: "the guest was erased" }

layer(Stores, { excludeTestServices: true })("a message made before its guest was erased", (it) => {
  it.effect("is entered as canceled, without the address", () =>
    Effect.gen(function* () {
      yield* publish(1, 2)
      yield* erase(1)
      yield* enlist([message(1), message(1, { messageId: "x.2", guestId: 2 })])
      assert.deepStrictEqual(yield* ledgerOf(1), [
        canceled,
        { recipient: address, status: "scheduled", reason: null }
      ])
    }))

  it.effect("keeps why it was skipped, and loses the address of a payer too", () =>
    Effect.gen(function* () {
      yield* publish(2, 1)
      yield* erase(2)
      yield* enlist([message(2, { skip: "a past time" }), message(2, { guestId: null, payerId: 1 })])
      assert.deepStrictEqual(yield* ledgerOf(2), [
        canceled,
        { recipient: "", status: "skipped", reason: "a past time" }
      ])
    }))

  describe.skipIf(TestDatabase.serverUrl === undefined)("and entered while that goes on", () => {
    /** Done when another connection waits for this one. */
    const awaited = Effect.flatMap(
      SqlClient.SqlClient,
      (sql) =>
        sql`SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))`.pipe(
          Effect.repeat({ until: (rows) => rows.length > 0, schedule: Schedule.spaced("20 millis") })
        )
    )

    /** Begins the second, on a connection of its own, when the first has done its work and before that is committed. */
    const overlapping = <A, E, R, B, E2, R2>(
      first: Effect.Effect<A, E, R>,
      second: Effect.Effect<B, E2, R2>
    ) =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const worked = yield* Latch.make()
        const late = yield* Effect.forkChild(Effect.andThen(worked.await, second))
        yield* sql.withTransaction(Effect.all([first, worked.open, awaited]))
        yield* Fiber.join(late)
      })

    it.effect("waits for the erasure", () =>
      Effect.gen(function* () {
        yield* publish(3, 1)
        yield* overlapping(erase(3), enlist([message(3)]))
        assert.deepStrictEqual(yield* ledgerOf(3), [canceled])
      }))

    it.effect("or is waited for by it", () =>
      Effect.gen(function* () {
        yield* publish(4, 1)
        yield* overlapping(enlist([message(4)]), erase(4))
        assert.deepStrictEqual(yield* ledgerOf(4), [canceled])
      }))
  })
})

layer(Stores, { excludeTestServices: true })("an address that nothing is sent to", (it) => {
  it.effect("is forgotten on the list of the organiser whose guest was erased, and on no other's", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* publish(1, 2)
      yield* sql`UPDATE guests SET email = ${address}, phone = '+33698765432' WHERE event_id = 1 AND guest_id = 1`
      const [event] = yield* sql<{ owner: string }>`SELECT owner FROM events WHERE event_id = 1`
      const lists = [event!.owner, `${event!.owner}-2`, "another"]
      const addresses = [["email", address], ["sms", "+33698765432"], [
        "email",
        "stays@quagga.example"
      ]] as const
      for (const owner of lists) {
        for (const [channel, listed] of addresses) {
          yield* sql`INSERT INTO suppressions (owner, channel, digest, address, reason, detail)
            VALUES (${owner}, ${channel}, ${digestOf(listed)}, ${listed}, 'hard_bounce', '550 5.1.1')`
        }
      }
      yield* erase(1)
      for (const owner of lists) {
        const rows = yield* sql`SELECT digest, address, detail FROM suppressions WHERE owner = ${owner}`
        assert.sameDeepMembers(
          [...rows],
          addresses.map(([, listed]) =>
            owner === event!.owner && listed !== "stays@quagga.example"
              ? { digest: digestOf(listed), address: null, detail: null }
              : { digest: digestOf(listed), address: listed, detail: "550 5.1.1" }
          ),
          owner
        )
      }
    }))
})
