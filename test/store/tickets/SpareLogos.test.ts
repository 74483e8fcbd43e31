/**
 * A logo's file is named by one style, or spare, or gone. Guards whose removal turns this file red: the claim that a
 * condemned file refuses, the reservation that a name ends, the style's row that setters wait at, the hour.
 */
import { assert, layer } from "@effect/vitest"
import { Duration, Effect, Layer, Option } from "effect"
import { SpareLogos } from "../../../src/store/tickets/SpareLogos.ts"
import { TemplateStore } from "../../../src/store/tickets/TemplateStore.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const Env = Layer.merge(SpareLogos.layer, TemplateStore.layer).pipe(Layer.provideMerge(TestDatabase.layer))

const anHour = Duration.hours(1)

/** What is spare, however short; condemned by it. */
const spare = Effect.flatMap(SpareLogos, (logos) => logos.condemn(Duration.seconds(-1), 100))

const forgetAll = Effect.gen(function* () {
  const logos = yield* SpareLogos
  yield* Effect.forEach(yield* spare, logos.forget)
})

const logo = (key: string) => ({ key, digest: "d" })

layer(Env, { excludeTestServices: true })("a logo's file", (it) => {
  it.effect("is spare before it is named and after it, and not in between", () =>
    Effect.gen(function* () {
      const logos = yield* SpareLogos
      const templates = yield* TemplateStore
      yield* logos.reserve("logos/1.png")
      yield* logos.reserve("logos/2.png")
      assert.isTrue(yield* templates.setLogo("alice", 1, logo("logos/1.png")))
      assert.deepStrictEqual(yield* logos.condemn(anHour, 100), [])
      assert.deepStrictEqual(yield* spare, ["logos/2.png"])
      yield* templates.setLogo("alice", 1, null)
      assert.deepStrictEqual((yield* spare).toSorted(), ["logos/1.png", "logos/2.png"])
      yield* forgetAll
      assert.deepStrictEqual(yield* spare, [])
    }))

  it.effect("is not named once it is condemned, nor without a reservation", () =>
    Effect.gen(function* () {
      const logos = yield* SpareLogos
      const templates = yield* TemplateStore
      yield* logos.reserve("logos/3.png")
      yield* spare
      assert.isFalse(yield* templates.setLogo("bob", 1, logo("logos/3.png")))
      assert.isFalse(yield* templates.setLogo("bob", 1, logo("logos/4.png")))
      assert.isNull(Option.getOrThrow(yield* templates.get("bob", 1)).logo_key)
      yield* forgetAll
    }))

  it.effect("is spare for every setter of several but the last, from the first logo on", () =>
    Effect.gen(function* () {
      const logos = yield* SpareLogos
      const templates = yield* TemplateStore
      const keys = Array.from({ length: 12 }, (_, at) => `logos/many-${at}.png`)
      yield* Effect.forEach(keys, (key) => logos.reserve(key))
      const set = yield* Effect.forEach(keys, (key) => templates.setLogo("carol", 1, logo(key)), {
        concurrency: "unbounded"
      })
      assert.isTrue(set.every(Boolean))
      const named = Option.getOrThrow(yield* templates.get("carol", 1)).logo_key
      assert.deepStrictEqual((yield* spare).toSorted(), keys.filter((key) => key !== named).toSorted())
      yield* forgetAll
    }))

  it.effect("is removed in sweeps of so many", () =>
    Effect.gen(function* () {
      const logos = yield* SpareLogos
      yield* Effect.forEach(["logos/a.png", "logos/b.png", "logos/c.png"], logos.reserve)
      assert.lengthOf(yield* logos.condemn(Duration.seconds(-1), 2), 2)
      yield* forgetAll
    }))
})
