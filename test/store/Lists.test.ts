/**
 * Events and flows in pages, newest first, while others are made: whoever reads to the last page has seen what was there
 * when he began, each once, and nothing twice.
 * Guards whose removal turns this file red: the order, the strictness of `before`, the row more that is read, the owner,
 * each filter and both ends of the dates, the seq that an update keeps.
 */
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import * as fc from "fast-check"
import { EventStore } from "../../src/store/EventStore.ts"
import { FeedStore } from "../../src/store/flows/FeedStore.ts"
import { FlowIndex } from "../../src/store/flows/FlowIndex.ts"
import type { Page, Request } from "../../src/store/KeysetPage.ts"
import { eventData } from "../support/GateFixture.ts"
import * as TestDatabase from "../support/TestDatabase.ts"
import { numbered } from "../support/EventIds.ts"

const Env = Layer.mergeAll(EventStore.layer, FlowIndex.layer, FeedStore.layer).pipe(
  Layer.provideMerge(TestDatabase.layer)
)

const at = (text: string) => DateTime.makeUnsafe(text)

let made = 0

const publish = (owner: string, changes: Parameters<typeof eventData>[1] = {}) =>
  Effect.gen(function* () {
    const id = ++made
    yield* Effect.orDie((yield* EventStore).publish(id, owner, eventData(id, changes)))
    return id
  })

const begin = Effect.fnUntraced(function* (owner: string, { eventId = 1, status = "running" } = {}) {
  const sql = yield* SqlClient.SqlClient
  const id = ++made
  yield* numbered(owner, eventId)
  yield* sql`
    INSERT INTO flows (flow_id, flow_type, owner, event_id, status, request, deadline)
    VALUES (${`flow_${id}`}, 'complete_event_flow', ${owner}, ${eventId}::bigint, ${status}, '{}', now())`
  return id
}, Effect.orDie)

const events = (request: Request) =>
  Effect.map(
    Effect.flatMap(EventStore, (store) => store.page(request, {})),
    ({ more, rows }) => ({ more, rows: rows.map(({ event_id, seq }) => ({ id: event_id, seq })) })
  )

const flows = (request: Request) =>
  Effect.map(
    Effect.flatMap(FlowIndex, (index) => index.page(request, {})),
    ({ more, rows }) => ({
      more,
      rows: rows.map(({ flow_id, seq }) => ({ id: Number(flow_id.slice(5)), seq }))
    })
  )

type Lines = Page<{ readonly id: number; readonly seq: number }>

type Services = Layer.Success<typeof Env>

/** A list and what it lists. */
interface Kind {
  readonly name: string
  readonly page: (request: Request) => Effect.Effect<Lines, never, Services>
  readonly make: (owner: string) => Effect.Effect<number, never, Services>
}

const kinds: ReadonlyArray<Kind> = [
  { name: "events", page: events, make: publish },
  { name: "flows", page: flows, make: begin }
]

const idsOf = ({ rows }: Lines) => rows.map(({ id }) => id)

/** Every page from the first to the last; before each further one so many are made as `between` says. */
const walk = Effect.fnUntraced(function* (
  { make, page }: Kind,
  owner: string,
  limit: number,
  between: ReadonlyArray<number>
) {
  const seen: Array<number> = []
  for (let round = 0, before: number | undefined, more = true; more; round++) {
    const found: Lines = yield* page({ owner, before, limit })
    assert.isAtMost(found.rows.length, limit)
    seen.push(...idsOf(found))
    assert.isAtMost(seen.length, made)
    before = found.rows.at(-1)?.seq
    more = found.more
    if (more) yield* Effect.replicateEffect(make(owner), between[round % between.length]!)
  }
  return seen
})

const plan = fc.record({
  there: fc.nat({ max: 9 }),
  limit: fc.integer({ min: 1, max: 5 }),
  between: fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 4 })
})

layer(Env, { excludeTestServices: true })("a list", (it) => {
  for (const kind of kinds) {
    it.effect(
      `of ${kind.name} shows what was there once, newest first, whatever is made meanwhile`,
      () =>
        Effect.gen(function* () {
          const services = yield* Effect.context<Services>()
          let owners = 0
          const property = fc.asyncProperty(plan, ({ between, limit, there }) =>
            Effect.runPromiseWith(services)(Effect.gen(function* () {
              const owner = `${kind.name}-${++owners}`
              yield* kind.make("somebody else")
              const ids = yield* Effect.replicateEffect(kind.make(owner), there)
              assert.deepStrictEqual(yield* walk(kind, owner, limit, between), ids.toReversed())
            })))
          yield* Effect.promise(() =>
            fc.assert(property, { seed: 20_250_620, numRuns: 40 })
          )
        }),
      60_000
    )
  }

  it.effect("of everybody's events or flows is an admin's", () =>
    Effect.gen(function* () {
      const mine = [yield* publish("alice"), yield* publish("bob")]
      const begun = [yield* begin("alice"), yield* begin("bob")]
      const all = { owner: undefined, before: undefined, limit: 2 }
      assert.deepStrictEqual(idsOf(yield* events(all)), mine.toReversed())
      assert.deepStrictEqual(idsOf(yield* flows(all)), begun.toReversed())
    }))

  it.effect("of events fits its status and its dates, and keeps an event's place when that is published again", () =>
    Effect.gen(function* () {
      const store = yield* EventStore
      const june = yield* publish("carol", { date: at("2025-06-20T09:00:00Z") })
      const july = yield* publish("carol", { date: at("2025-07-01T00:00:00Z"), status: "draft" })
      const list = (filters: Parameters<typeof store.page>[1]) =>
        Effect.map(
          store.page({ owner: "carol", before: undefined, limit: 10 }, filters),
          ({ rows }) => rows.map(({ event_id }) => event_id)
        )
      yield* store.publish(june, "carol", eventData(june, { title: "Again" }))
      assert.deepStrictEqual(yield* list({}), [july, june])
      assert.deepStrictEqual(yield* list({ status: "draft" }), [july])
      assert.deepStrictEqual(yield* list({ from: at("2025-06-20T09:00:00Z") }), [july, june])
      assert.deepStrictEqual(yield* list({ from: at("2025-06-20T09:00:00.001Z") }), [july])
      assert.deepStrictEqual(yield* list({ to: at("2025-07-01T00:00:00Z") }), [june])
      assert.deepStrictEqual(
        yield* list({ from: at("2025-06-01T00:00:00Z"), to: at("2025-06-30T00:00:00Z"), status: "draft" }),
        []
      )
    }))

  it.effect("of flows fits its status and its event", () =>
    Effect.gen(function* () {
      const failed = yield* begin("dora", { status: "failed" })
      const other = yield* begin("dora", { eventId: 9_007_199_254_740_991 })
      const index = yield* FlowIndex
      const list = (filters: Parameters<typeof index.page>[1]) =>
        Effect.map(
          index.page({ owner: "dora", before: undefined, limit: 10 }, filters),
          ({ rows }) => rows.map(({ flow_id }) => flow_id)
        )
      assert.deepStrictEqual(yield* list({ status: "failed" }), [`flow_${failed}`])
      assert.deepStrictEqual(yield* list({ event_id: 9_007_199_254_740_991 }), [`flow_${other}`])
      assert.deepStrictEqual(yield* list({ status: "failed", event_id: 9_007_199_254_740_991 }), [])
    }))
})
