/**
 * A Redis that forgets keys when it is full is refused: it would forget tickets that wait.
 * Guards whose removal turns this file red: the policy that is asked for, the limit without which it does not matter.
 */
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Option, Redacted } from "effect"
import { Redis } from "effect/persistence"
import { redisLayer } from "../../src/app/RedisServer.ts"
import * as Platform from "../../src/Platform.ts"
import { hasRedis, ownRedis } from "../support/OwnRedis.ts"

const connected = (url: string) =>
  Effect.gen(function* () {
    const chosen = yield* redisLayer
    assert.isTrue(Option.isSome(chosen))
    if (Option.isSome(chosen)) yield* Layer.build(chosen.value)
  }).pipe(
    Effect.scoped,
    Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ REDIS_URL: url })))
  )

describe.skipIf(!hasRedis())("a Redis server", () => {
  it.live("that forgets keys when it is full is refused, one that refuses writes is not", () =>
    Effect.gen(function* () {
      const { url } = yield* ownRedis
      const set = (name: string, value: string) =>
        Effect.flatMap(Redis.Redis, (redis) => redis.send("CONFIG", "SET", name, value)).pipe(
          Effect.provide(Platform.redis(Redacted.make(url)))
        )
      yield* connected(url)
      yield* set("maxmemory-policy", "allkeys-lru")
      yield* connected(url)
      yield* set("maxmemory", "100mb")
      const error = yield* Effect.flip(connected(url))
      assert.include(String(error), "set maxmemory-policy to noeviction")
      yield* set("maxmemory-policy", "noeviction")
      yield* connected(url)
    }))
})
