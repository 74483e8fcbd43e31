/**
 * Where requests are counted: Redis counts as memory does, for all processes together, and limits nobody while it is
 * away. Guards whose removal turns this file red: the prefix, the pass when Redis fails, the patience with it, the one
 * warning.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger, Redacted } from "effect"
import { Redis } from "effect/persistence"
import { randomUUID } from "node:crypto"
import { Buckets } from "../../src/limits/Buckets.ts"
import * as Platform from "../../src/Platform.ts"
import { redisUrl } from "../support/TestDatabase.ts"

const rate = { perSecond: 0.1, burst: 3 }

const shown = ({ allowed, remaining }: { allowed: boolean; remaining: number }) => `${allowed} ${remaining}`

const expected = ["true 2", "true 1", "true 0", "false 0"]

const four = (buckets: Buckets["Service"], key: string) =>
  Effect.forEach([1, 2, 3, 4], () => buckets.take(key, rate))

const of = <E>(layer: Layer.Layer<Buckets, E>) =>
  Effect.map(Layer.build(Layer.fresh(layer)), (built) => Context.get(built, Buckets))

const redis = Effect.map(
  Effect.sync(() => Platform.redis(Redacted.make(redisUrl!))),
  (layer) => Buckets.layerRedis.pipe(Layer.provide(layer))
)

describe("requests are counted", () => {
  it.live("in the memory of each process", () =>
    Effect.gen(function* () {
      const [one, other] = [yield* of(Buckets.layerLocal), yield* of(Buckets.layerLocal)]
      const answers = yield* four(one, "key")
      assert.deepStrictEqual(answers.map(shown), expected)
      assert.isAbove(answers[3]!.waitMillis, 9_000)
      assert.isTrue((yield* other.take("key", rate)).allowed)
    }).pipe(Effect.scoped))

  it.live.skipIf(redisUrl === undefined)(
    "on Redis by all processes together, and forgotten when full again",
    () =>
      Effect.gen(function* () {
        const layer = yield* redis
        const [one, other] = [yield* of(layer), yield* of(layer)]
        const key = randomUUID()
        const answers = yield* four(one, key)
        assert.deepStrictEqual(answers.map(shown), expected)
        assert.isAbove(answers[3]!.waitMillis, 8_000)
        assert.isFalse((yield* other.take(key, rate)).allowed)
        yield* Effect.gen(function* () {
          const { send } = yield* Redis.Redis
          assert.isAbove(Number(yield* send("PTTL", `guichet-limits:${key}`)), 0)
        }).pipe(Effect.provide(Platform.redis(Redacted.make(redisUrl!))))
      }).pipe(Effect.scoped)
  )

  for (
    const [what, answer] of [
      ["fails", Effect.fail(new Redis.RedisError({ cause: new Error("OOM") }))],
      ["does not answer", Effect.never]
    ] as const
  ) {
    it.live(`by nobody while Redis ${what}, which is said once`, () => {
      const said: Array<unknown> = []
      return Effect.gen(function* () {
        const away = Layer.effect(
          Redis.Redis,
          Redis.make({
            send: () => answer,
            subscribe: () => Effect.die("Nothing is published"),
            connect: Effect.die("Nothing is subscribed")
          })
        )
        const buckets = yield* of(Buckets.layerRedis.pipe(Layer.provide(away)))
        const answers = yield* four(buckets, "key")
        assert.deepStrictEqual(answers.map(({ allowed }) => allowed), [true, true, true, true])
        assert.lengthOf(said, 1)
      }).pipe(
        Effect.scoped,
        Effect.provide(Logger.layer([Logger.make(({ message }) => void said.push(message))]))
      )
    })
  }
})
