/**
 * What every server answers beside its routes: a balancer and a scraper ask a service as they ask the core.
 * Guards whose removal turns this file red: the house routes of a service's server.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { ports } from "../../src/trust/ServiceName.ts"
import { Drain } from "../../src/http/Drain.ts"
import { Loopback } from "../../src/trust/Loopback.ts"
import * as TestAppLayer from "../support/TestApp.ts"

const names = Object.keys(ports) as ReadonlyArray<keyof typeof ports>

const statuses = Effect.fnUntraced(function* (path: string) {
  const loopback = yield* Loopback
  return yield* Effect.forEach(names, (name) =>
    Effect.promise(async () => {
      const answer = await loopback.find(name)!(new Request(`http://localhost${path}`))
      await answer.text()
      return answer.status
    }))
})

layer(TestAppLayer.layer, { excludeTestServices: true })("every server", (it) => {
  it.effect("lives, is ready until it drains, and counts", () =>
    Effect.gen(function* () {
      const all = (status: number) => names.map(() => status)
      assert.deepStrictEqual(yield* statuses("/health/live"), all(200))
      assert.deepStrictEqual(yield* statuses("/health/ready"), all(200))
      assert.deepStrictEqual(yield* statuses("/metrics"), all(200))
      yield* (yield* Drain).begin
      assert.deepStrictEqual(yield* statuses("/health/ready"), all(503))
      assert.deepStrictEqual(yield* statuses("/health/live"), all(200))
    }))
})
