/** Entities and workflows over each storage: the same promises, whoever keeps the mailboxes. */
import { assert, beforeAll, describe, layer } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Option, Schedule, Stream } from "effect"
import { MessageStorage, Sharding } from "effect/cluster"
import { SqlClient } from "effect/sql"
import { DurableDeferred } from "effect/workflow"
import { clusters, shard } from "./MailboxSubjects.ts"
import { journalRunner, oneRunner } from "./OneRunner.ts"
import { Desk, did, forget, gate, Paid, Rest, TravelLayer, Trip } from "./Travel.ts"

/** Mostly it polls so rarely that whatever is not told is not done. */
const cluster = (
  { isJournaled, storage }: (typeof clusters)[number],
  entityMessagePollInterval: "1 hour" | "100 millis"
) =>
  isJournaled
    ? journalRunner(TravelLayer, entityMessagePollInterval)
    : oneRunner(TravelLayer, storage, entityMessagePollInterval)

/** Waits for what another fiber does, without a limit of its own. */
const until = (isSo: () => boolean) =>
  Effect.repeat(Effect.void, { until: isSo, schedule: Schedule.spaced("5 millis") })

const pay = (id: string, refused = false) =>
  Effect.gen(function* () {
    const executionId = yield* Trip.executionId({ id, refused })
    const token = DurableDeferred.tokenFromExecutionId(Paid, { workflow: Trip, executionId })
    yield* DurableDeferred.succeed(Paid, { token, value: `paid ${id}` })
  })

/** Until the run waits for its payment as a row. */
const suspended = (executionId: string) =>
  Effect.repeat(Trip.poll(executionId), {
    until: (result) => Option.isSome(result) && result.value._tag === "Suspended",
    schedule: Schedule.spaced("5 millis")
  })

for (const subject of clusters) {
  describe.skipIf(subject.isSkipped)(`a cluster over ${subject.name}`, () => {
    beforeAll(forget)

    layer(subject.database, { excludeTestServices: true })((it) => {
      it.layer(cluster(subject, "1 hour"))("while it runs", (it) => {
        it.effect("handles a key once for ever, whoever sends it and when", () =>
          Effect.gen(function* () {
            const desk = (yield* Desk.client)("once")
            assert.strictEqual(yield* desk.Book({ key: "a" }), 1)
            assert.deepStrictEqual(
              yield* Effect.all([desk.Book({ key: "a" }), desk.Book({ key: "b" }), desk.Book({ key: "a" })], {
                concurrency: 3
              }),
              [1, 2, 1]
            )
            yield* desk.Book({ key: "c" }, { discard: true })
            assert.strictEqual(yield* desk.Book({ key: "c" }), 3)
            assert.deepStrictEqual(did("once"), ["a", "b", "c"])
          }))

        it.effect("keeps a failure and a defect as the answer", () =>
          Effect.gen(function* () {
            const desk = (yield* Desk.client)("fails")
            for (let nth = 0; nth < 2; nth++) {
              assert.strictEqual(yield* Effect.flip(desk.Refuse({ key: "no" })), "no no")
              const broken = yield* Effect.exit(desk.Break({ key: "broken" }))
              assert.isTrue(Exit.hasDies(broken))
            }
            assert.strictEqual(yield* desk.Book({ key: "after" }), 3)
            assert.deepStrictEqual(did("fails"), ["no", "broken", "after"])
          }))

        it.effect("answers who asks while the first is handled", () =>
          Effect.gen(function* () {
            const desk = (yield* Desk.client)("waits")
            const first = yield* Effect.forkChild(desk.Wait({ key: "w" }))
            yield* until(() => did("waits").length > 0)
            const second = yield* Effect.forkChild(desk.Wait({ key: "w" }))
            yield* Deferred.succeed(gate("waits w"), undefined)
            assert.strictEqual(yield* Fiber.join(first), "waited w")
            assert.strictEqual(yield* Fiber.join(second), "waited w")
            assert.deepStrictEqual(did("waits"), ["begin w"])
          }))

        it.effect("interrupts what its caller gives up, once", () =>
          Effect.gen(function* () {
            const desk = (yield* Desk.client)("given up")
            const fiber = yield* Effect.forkChild(desk.Wait({ key: "w" }))
            yield* until(() => did("given up").length > 0)
            yield* Fiber.interrupt(fiber)
            yield* until(() => did("given up").length > 1)
            assert.deepStrictEqual(did("given up"), ["begin w", "interrupted w"])
            assert.isTrue(Exit.isFailure(yield* Effect.exit(desk.Wait({ key: "w" }))))
            assert.deepStrictEqual(did("given up"), ["begin w", "interrupted w"])
          }))

        it.effect("sends a stream in its order, to its end", () =>
          Effect.gen(function* () {
            const desk = (yield* Desk.client)("stream")
            const values = yield* Stream.runCollect(desk.Count({ to: 200 }))
            assert.deepStrictEqual([...values], Array.from({ length: 200 }, (_, at) => at + 1))
          }))

        it.effect("commits a handler's writes with its answer, and none with its failure", () =>
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            yield* sql`CREATE TABLE IF NOT EXISTS cluster_conformance (key text)`
            const desk = (yield* Desk.client)("transaction")
            yield* desk.Undo({ key: "done" })
            yield* desk.Undo({ key: "done" })
            assert.strictEqual(yield* Effect.flip(desk.Undo({ key: "undone" })), "undone")
            assert.deepStrictEqual(yield* sql`SELECT key FROM cluster_conformance`, [{ key: "done" }])
          }))

        it.effect("answers a message that nobody can read, and handles the next", () =>
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            const desk = (yield* Desk.client)("poison")
            yield* desk.Book({ key: "first" })
            yield* sql`
              INSERT INTO cluster_messages (id, message_id, shard_id, entity_type, entity_id, kind, tag, payload,
                headers, request_id)
              SELECT id + 1, entity_type || '/poison/Book/poison', shard_id, entity_type, entity_id, kind, tag,
                '{"key":7}', headers, request_id + 1
              FROM cluster_messages WHERE entity_id = 'poison'`
            // It came without a word: whoever lets go of mail looks again.
            yield* (yield* MessageStorage.MessageStorage).resetShards([shard])
            yield* (yield* Sharding.Sharding).pollStorage
            const exit = yield* Effect.exit(desk.Book({ key: "poison" }))
            assert.isTrue(Exit.isFailure(exit))
            assert.strictEqual(yield* desk.Book({ key: "second" }), 2)
            assert.deepStrictEqual(did("poison"), ["first", "second"])
          }))

        for (const when of ["before", "during", "after"] as const) {
          it.effect(`goes on with what was told ${when} the wait`, () =>
            Effect.gen(function* () {
              const payload = { id: `told ${when}`, refused: false }
              const executionId = yield* Trip.executionId(payload)
              if (when === "before") yield* pay(payload.id)
              yield* Trip.execute(payload, { discard: true })
              if (when === "during") yield* until(() => did(payload.id).length === 2)
              if (when === "after") yield* suspended(executionId)
              if (when !== "before") yield* pay(payload.id)
              assert.strictEqual(yield* Trip.execute(payload), `paid ${payload.id} 3`)
              yield* pay(payload.id)
              assert.strictEqual(yield* Trip.execute(payload), `paid ${payload.id} 3`)
              assert.deepStrictEqual(did(payload.id), ["search", "reserve", "issue"])
            }))
        }

        it.effect("compensates what fails, once, and keeps the failure", () =>
          Effect.gen(function* () {
            const payload = { id: "refused", refused: true }
            yield* pay(payload.id, true)
            assert.strictEqual(yield* Effect.flip(Trip.execute(payload)), "refused")
            assert.strictEqual(yield* Effect.flip(Trip.execute(payload)), "refused")
            assert.deepStrictEqual(did(payload.id), ["search", "reserve", "issue", "release"])
          }))

        it.effect("compensates what is interrupted while it waits", () =>
          Effect.gen(function* () {
            const payload = { id: "interrupted", refused: false }
            const executionId = yield* Trip.execute(payload, { discard: true })
            yield* suspended(executionId)
            yield* Trip.interrupt(executionId)
            assert.isTrue(Exit.hasInterrupts(yield* Effect.exit(Trip.execute(payload))))
            assert.deepStrictEqual(did(payload.id), ["search", "reserve", "release"])
          }))

        it.effect("runs many flows at once, each step of each once", () =>
          Effect.gen(function* () {
            const ids = Array.from({ length: 30 }, (_, nth) => `many ${nth}`)
            yield* Effect.forEach(ids, (id) => Trip.execute({ id, refused: false }, { discard: true }), {
              concurrency: "unbounded"
            })
            yield* Effect.forEach(ids, (id) => pay(id), { concurrency: "unbounded" })
            const results = yield* Effect.forEach(ids, (id) => Trip.execute({ id, refused: false }), {
              concurrency: "unbounded"
            })
            assert.deepStrictEqual(results, ids.map((id) => `paid ${id} 3`))
            for (const id of ids) assert.deepStrictEqual(did(id), ["search", "reserve", "issue"])
          }))
      })

      it.effect("wakes a flow at its time, also after a restart", () =>
        Effect.gen(function* () {
          yield* Effect.gen(function* () {
            yield* Rest.execute({ id: "rest" }, { discard: true })
            yield* until(() => did("rest").length === 1)
          }).pipe(Effect.provide(cluster(subject, "100 millis")))
          yield* Effect.gen(function* () {
            assert.strictEqual(yield* Rest.execute({ id: "rest" }), 2)
          }).pipe(Effect.provide(cluster(subject, "100 millis")))
          assert.deepStrictEqual(did("rest"), ["before", "after"])
        }))

      it.effect("goes on after a restart with what was stored, and does nothing again", () =>
        Effect.gen(function* () {
          const payload = { id: "restarted", refused: false }
          yield* Effect.gen(function* () {
            yield* suspended(yield* Trip.execute(payload, { discard: true }))
          }).pipe(Effect.provide(cluster(subject, "100 millis")))
          yield* Effect.gen(function* () {
            yield* pay(payload.id)
            assert.strictEqual(yield* Trip.execute(payload), "paid restarted 3")
          }).pipe(Effect.provide(cluster(subject, "100 millis")))
          assert.deepStrictEqual(did(payload.id), ["search", "reserve", "issue"])
        }))
    })
  })
}
