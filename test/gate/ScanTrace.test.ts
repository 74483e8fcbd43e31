/**
 * A scan in OpenTelemetry: from its request to its decision, although it is decided with others.
 * Guards whose removal turns this file red: the parent and the links of a batch, the caller's span that `submit` hands
 * on, the context in which an event's batches are opened, the fast path that stays closed while requests are traced.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Redacted, Tracer } from "effect"
import { SqlClient } from "effect/sql"
import * as fc from "fast-check"
import * as Batching from "../../src/durable/Batching.ts"
import { ScanBatcher } from "../../src/api/gate/ScanBatcher.ts"
import { FastPathRegistry } from "../../src/FastPath.ts"
import { TokenStore } from "../../src/store/TokenStore.ts"
import documented from "../fixtures/bodies/3-scan-validate.request.json" with { type: "json" }
import * as GateFixture from "../support/GateFixture.ts"
import { recording } from "../support/SpanRecorder.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { TestApp } from "../support/TestApp.ts"

const parentOf = (span: Tracer.AnySpan): Tracer.AnySpan | undefined =>
  span._tag === "Span" && span.parent._tag === "Some" ? span.parent.value : undefined

const ids = (spans: ReadonlyArray<Tracer.AnySpan>) => spans.map(({ spanId }) => spanId)

/** Whose a batch is: of its parent, then of its links. */
const callersOf = (batch: Tracer.Span): ReadonlyArray<Tracer.AnySpan> => {
  const parent = parentOf(batch)
  return [...(parent === undefined ? [] : [parent]), ...batch.links.map(({ span }) => span)]
}

interface Group {
  readonly items: number
  readonly traced: "told" | "untold" | "not"
}

/** Submits the groups at once; each batch with the groups in it, their callers' spans, and the span it ran under. */
const batchesOf = (groups: ReadonlyArray<Group>, limit: number) => {
  const { named, tracer } = recording()
  const batches: Array<{ readonly groups: ReadonlyArray<number>; readonly span: Tracer.Span | undefined }> =
    []
  const answer = (items: ReadonlyArray<number>) =>
    Effect.map(Effect.option(Effect.currentSpan), (span) => {
      batches.push({ groups: [...new Set(items)], span: span._tag === "Some" ? span.value : undefined })
      return items
    })
  return Effect.gen(function* () {
    const { submit } = yield* Batching.make({ name: "batch", limit, atOnce: 1, answer })
    yield* Effect.forEach(groups, ({ items, traced }, at) => {
      const submitted = submit(Array.from({ length: items }, () => at))
      const sampled = traced === "told"
      return traced === "not" ? submitted : Effect.withSpan(submitted, `caller ${at}`, { sampled })
    }, { concurrency: "unbounded" })
    return { batches, named }
  }).pipe(Effect.scoped, Effect.withTracer(tracer))
}

describe("a batch", () => {
  it("is a child of its first caller's span and linked to the others' in their order, of those that are told", () =>
    fc.assert(fc.asyncProperty(
      fc.array(
        fc.record({
          items: fc.integer({ min: 1, max: 3 }),
          traced: fc.constantFrom("told", "untold", "not")
        }),
        { maxLength: 12 }
      ),
      fc.integer({ min: 1, max: 8 }),
      async (groups, limit) => {
        const { batches, named } = await Effect.runPromise(batchesOf(groups, limit))
        assert.deepStrictEqual(batches.flatMap((batch) => batch.groups), groups.map((_, at) => at))
        for (const { groups: own, span } of batches) {
          const all = own.flatMap((at) => named(`caller ${at}`))
          const told = all.filter(({ sampled }) => sampled)
          const callers = told.length > 0 ? told : all
          assert.deepStrictEqual(ids(span === undefined ? [] : callersOf(span)), ids(callers))
          assert.deepStrictEqual([span?.traceId, span?.sampled], [callers[0]?.traceId, callers[0]?.sampled])
        }
        assert.deepStrictEqual(ids(named("batch")), ids(batches.flatMap(({ span }) => span ?? [])))
      }
    )))
})

const { begun, named, spans, tracer } = recording()

const traced = TestAppLayer.layer.pipe(Layer.provideMerge(Layer.succeed(Tracer.Tracer, tracer)))

/** The names from the root of a trace down to a span; a message carries only the ids of the span it was sent under. */
const wayTo = ({ spanId, traceId }: Tracer.AnySpan): ReadonlyArray<string> => {
  const span = spans.find((one) => one.spanId === spanId && one.traceId === traceId)
  if (span === undefined) return ["unknown"]
  const parent = parentOf(span)
  return [...(parent === undefined ? [] : wayTo(parent)), span.name]
}

/** Another process's way to the events. */
const batcher = Effect.map(
  Layer.build(Layer.fresh(ScanBatcher.layer)),
  (context) => Context.get(context, ScanBatcher)
)

/** The spans of this name that begin while something is done. */
const during = Effect.fnUntraced(function* <A, E, R>(name: string, work: Effect.Effect<A, E, R>) {
  const before = named(name).length
  yield* work
  return named(name).slice(before)
})

const steward = Effect.flatMap(TokenStore, (tokens) =>
  Effect.map(
    tokens.create({ role: "operator", subject: "operator-123", owner: "organizer-1" }),
    ({ token }) => Redacted.value(token)
  ))

const post = (token: string, body: object) =>
  Effect.flatMap(
    TestApp,
    (app) => app.ask("/api/scans/validate", { token, body: { ...documented, ...body } })
  )

/** What an exporter would tell of a span: its attributes, its events and what it failed with. */
const told = ({ attributes, events, name, status }: Tracer.NativeSpan) =>
  JSON.stringify([name, [...attributes], events.map(([event, , more]) => [event, more])]) +
  (status._tag === "Ended" && status.exit._tag === "Failure" ? String(status.exit.cause) : "")

const decided = ["ScanBatcher.admit", "Event.client.Admit", "Event.Admit", "Event.batch", "Gatekeeper.admit"]

layer(traced, { excludeTestServices: true })("a scan in OpenTelemetry", (it) => {
  it.effect("is one trace from its request to its decision, and names nobody", () =>
    Effect.gen(function* () {
      const [ticket] = yield* GateFixture.publish(1, 1)
      const token = yield* steward
      const scan = { event_id: 1, ticket_code: ticket!.code }
      const [decision] = yield* during(
        "Gatekeeper.admit",
        Effect.map(post(token, scan), ({ json }) => assert.strictEqual(json.result, "valid"))
      )
      assert.deepStrictEqual(wayTo(decision!), ["POST /api/scans/validate", ...decided])
      const requests = named("POST /api/scans/validate").filter(({ traceId }) =>
        traceId === decision!.traceId
      )
      assert.deepStrictEqual(requests.map(({ kind }) => kind), ["server"])
      assert.strictEqual((yield* post(token, scan)).json.result, "already_used")
      for (const wrong of [{ direction: ticket!.code }, { ticket_code: [ticket!.code] }]) {
        assert.strictEqual((yield* post(token, { ...scan, ...wrong })).status, 422)
      }
      const all = spans.map(told).join("\n")
      for (const secret of ["Jean", "Dupont", "@example.com", ticket!.code, token]) {
        assert.notInclude(all, secret)
      }
    }))

  it.effect("never takes the fast path", () =>
    Effect.gen(function* () {
      assert.isUndefined((yield* FastPathRegistry).current)
    }))

  it.effect("is found from the batch it was decided in, whichever of many it came with", () =>
    Effect.gen(function* () {
      const rows = yield* GateFixture.publish(2, 16)
      const token = yield* steward
      yield* post(token, { event_id: 2, ticket_code: "TKT-002-FIRST" })
      const before = named("POST /api/scans/validate").length
      const batches = yield* during(
        "ScanBatcher.admit",
        Effect.forEach(rows, ({ code }) => post(token, { event_id: 2, ticket_code: code }), {
          concurrency: "unbounded"
        })
      )
      const requests = named("POST /api/scans/validate").slice(before)
      assert.lengthOf(requests, 16)
      assert.deepStrictEqual(ids(batches.flatMap(callersOf)).sort(), [...ids(requests)].sort())
    }))

  it.effect("shares a message with a second one, which is linked", () =>
    Effect.gen(function* () {
      const rows = yield* GateFixture.publish(3, 2)
      const { admit } = yield* batcher
      const decisions = yield* during(
        "Gatekeeper.admit",
        Effect.forEach(rows, ({ code }, at) =>
          Effect.withSpan(admit(GateFixture.scanOf(3, code)), `steward ${at}`), { concurrency: "unbounded" })
      )
      assert.lengthOf(decisions, 1)
      assert.deepStrictEqual(wayTo(decisions[0]!), ["steward 0", ...decided])
      const batch = named("ScanBatcher.admit").at(-1)!
      assert.deepStrictEqual(ids(callersOf(batch)), ids([...named("steward 0"), ...named("steward 1")]))
      assert.strictEqual(batch.traceId, decisions[0]!.traceId)
    }).pipe(Effect.scoped))

  it.effect("shares its event's batch with another process's, which is linked", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const rows = yield* GateFixture.publish(4, 3)
      const ways = yield* Effect.all([batcher, batcher, batcher])
      yield* ways[0].admit(GateFixture.scanOf(4, "TKT-004-FIRST"))
      const held = yield* Deferred.make<void>()
      const released = yield* Deferred.make<void>()
      const lock = yield* Effect.forkChild(sql.withTransaction(
        sql`SELECT inside FROM gates_occupancy WHERE event_id = 4 FOR UPDATE`.pipe(
          Effect.andThen(Deferred.succeed(held, undefined)),
          Effect.andThen(Deferred.await(released))
        )
      ))
      yield* Deferred.await(held)
      const [messages, batches] = [named("Event.Admit").length, named("Event.batch").length]
      const scans = yield* Effect.forEach(
        ways,
        ({ admit }, at) =>
          Effect.withSpan(admit(GateFixture.scanOf(4, rows[at]!.code)), `process ${at}`).pipe(
            Effect.forkChild({ startImmediately: true }),
            Effect.tap(() => begun("Event.Admit", messages + at + 1)),
            Effect.tap(() => begun("Event.batch", batches + 1))
          )
      )
      yield* Deferred.succeed(released, undefined)
      yield* Fiber.join(lock)
      yield* Fiber.joinAll(scans)
      const second = named("Event.batch").slice(batches + 1)
      assert.lengthOf(second, 1)
      assert.deepStrictEqual(ids(callersOf(second[0]!)), ids(named("Event.Admit").slice(messages + 1)))
      const roots = callersOf(second[0]!).map((caller) => wayTo(caller)[0])
      assert.deepStrictEqual(roots, ["process 1", "process 2"])
      assert.deepStrictEqual(wayTo(named("Gatekeeper.admit").at(-1)!), ["process 1", ...decided])
    }).pipe(Effect.scoped))

  it.effect("stays out of the trace of its event's first scan", () =>
    Effect.gen(function* () {
      const rows = yield* GateFixture.publish(5, 2)
      const { admit } = yield* batcher
      const [first, second] = yield* Effect.forEach(rows, ({ code }, at) => {
        const admitted = admit(GateFixture.scanOf(5, code))
        return during("Gatekeeper.admit", at === 0 ? Effect.withSpan(admitted, "first") : admitted)
      })
      assert.deepStrictEqual(wayTo(first![0]!), ["first", ...decided])
      assert.deepStrictEqual(wayTo(second![0]!), decided.slice(1))
    }).pipe(Effect.scoped))
})
