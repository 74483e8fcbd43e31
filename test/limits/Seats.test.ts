/**
 * Seats of event streams. Guards whose removal turns this file red: the limits of token, organiser and process, the seat
 * that is free again for its token and its organiser, the end with a revoked or expired token, here and elsewhere, the
 * look that goes on after a fault.
 */
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Exit, Fiber, Layer, Option, Scope, Stream } from "effect"
import { SqlClient } from "effect/sql"
import type { Caller } from "../../rpc/values/Caller.ts"
import { mostOf, Seats } from "../../src/limits/Seats.ts"
import { TokenStore } from "../../src/store/TokenStore.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const TestLayer = Layer.provideMerge(TokenStore.layer, TestDatabase.layer)

const seatsWith = (LIMIT_STREAMS: string) =>
  Effect.map(
    Layer.build(Layer.fresh(Seats.layer)),
    (built) => Context.get(built, Seats)
  ).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ LIMIT_STREAMS }))))

const caller = (subject: string, role: Caller["role"] = "organizer") =>
  Effect.gen(function* () {
    const tokens = yield* TokenStore
    const { token } = yield* tokens.create({ role, subject, owner: subject })
    return Option.getOrThrow(yield* tokens.find(token))
  })

/** Sits down, and answers what stands up again. */
const sit = (seats: Seats["Service"], who: Caller) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    yield* seats.seated(who, Effect.succeed(Stream.never)).pipe(Effect.provideService(Scope.Scope, scope))
    return Scope.close(scope, Exit.void)
  })

const refused = (seats: Seats["Service"], who: Caller) =>
  Effect.map(Effect.flip(sit(seats, who)), ({ _tag }) => _tag)

const times = (count: number) => Array.from({ length: count })

/** A stream that is being watched. */
const watching = (seats: Seats["Service"], who: Caller) =>
  Effect.forkScoped(
    Stream.unwrap(seats.seated(who, Effect.succeed(Stream.never))).pipe(Stream.runDrain),
    { startImmediately: true }
  )

const test = <A, E>(body: Effect.Effect<A, E, Layer.Success<typeof TestLayer> | Scope.Scope>) =>
  body.pipe(Effect.scoped, Effect.provide(TestLayer))

describe("seats", () => {
  it.live("are so many for a token, and one is free again when its stream is left", () =>
    test(Effect.gen(function* () {
      const seats = yield* seatsWith("0")
      const alice = yield* caller("alice")
      const places = yield* Effect.forEach(times(mostOf.token), () => sit(seats, alice))
      assert.strictEqual(yield* refused(seats, alice), "TooManyRequests")
      yield* sit(seats, yield* caller("alice"))
      yield* places[0]!
      yield* sit(seats, alice)
      assert.strictEqual(yield* refused(seats, alice), "TooManyRequests")
    })))

  it.live("are so many for an organiser, whose operators sit alone", () =>
    test(Effect.gen(function* () {
      const seats = yield* seatsWith("0")
      const places = yield* Effect.forEach(
        times(mostOf.organiser / mostOf.token),
        () =>
          Effect.flatMap(caller("alice"), (token) =>
            Effect.forEach(times(mostOf.token), () => sit(seats, token)))
      )
      assert.strictEqual(yield* refused(seats, yield* caller("alice")), "TooManyRequests")
      yield* places[0]![0]!
      yield* sit(seats, yield* caller("alice"))
      assert.strictEqual(yield* refused(seats, yield* caller("alice")), "TooManyRequests")
      yield* sit(seats, yield* caller("bob"))
      yield* sit(seats, yield* caller("alice", "operator"))
    })))

  it.live("are as many for a process as LIMIT_STREAMS says", () =>
    test(Effect.gen(function* () {
      const seats = yield* seatsWith("2")
      const first = yield* sit(seats, yield* caller("alice"))
      yield* sit(seats, yield* caller("bob"))
      const carol = yield* caller("carol")
      assert.strictEqual(yield* refused(seats, carol), "TooManyRequests")
      yield* first
      yield* sit(seats, carol)
    })))

  it.live("are lost at once with a token that is revoked here, and others stay", () =>
    test(Effect.gen(function* () {
      const tokens = yield* TokenStore
      const seats = yield* seatsWith("0")
      const [alice, bob] = [yield* caller("alice"), yield* caller("bob")]
      const streams = yield* Effect.forEach(times(3), () => watching(seats, alice))
      const other = yield* watching(seats, bob)
      yield* Effect.sleep("100 millis")
      yield* tokens.revoke(alice.tokenId)
      yield* Effect.forEach(streams, Fiber.join).pipe(Effect.timeout("1500 millis"))
      yield* Effect.sleep("2500 millis")
      assert.isUndefined(other.pollUnsafe())
      yield* sit(seats, bob)
    })))

  const ends: ReadonlyArray<
    readonly [string, (id: string) => Effect.Effect<unknown, unknown, SqlClient.SqlClient>]
  > = [
    [
      "revoked by another process",
      (id) =>
        Effect.flatMap(
          SqlClient.SqlClient,
          (sql) => sql`UPDATE tokens SET revoked_at = now() WHERE token_id = ${id}`
        )
    ],
    [
      "expired",
      (id) =>
        Effect.flatMap(
          SqlClient.SqlClient,
          (sql) => sql`UPDATE tokens SET expires_at = now() WHERE token_id = ${id}`
        )
    ]
  ]
  for (const [what, end] of ends) {
    it.live(`are lost within five seconds with a token that is ${what}`, () =>
      test(Effect.gen(function* () {
        const seats = yield* seatsWith("0")
        const alice = yield* caller("alice")
        const stream = yield* watching(seats, alice)
        yield* Effect.sleep("100 millis")
        yield* end(alice.tokenId)
        yield* Fiber.join(stream).pipe(Effect.timeout("5 seconds"))
      })))
  }

  it.live("are looked at again after a fault of the database", () =>
    test(Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const seats = yield* seatsWith("0")
      const alice = yield* caller("alice")
      const stream = yield* watching(seats, alice)
      yield* sql`ALTER TABLE tokens RENAME TO tokens_away`
      yield* Effect.sleep("3 seconds")
      yield* sql`ALTER TABLE tokens_away RENAME TO tokens`
      assert.isUndefined(stream.pollUnsafe())
      yield* sql`UPDATE tokens SET revoked_at = now() WHERE token_id = ${alice.tokenId}`
      yield* Fiber.join(stream).pipe(Effect.timeout("10 seconds"))
    })))
})
