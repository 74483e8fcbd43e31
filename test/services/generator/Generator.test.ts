/**
 * Chunks are rendered, reported once, and lost by nothing. Guard whose removal turns this file red: the owner of a chunk's
 * turn.
 */
import { NodeRedis } from "@effect/platform-node"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Layer, Schema, Scope } from "effect"
import { Redis } from "effect/persistence"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { FileStore } from "../../../src/files/FileStore.ts"
import { TicketsGenerated } from "../../../rpc/TicketWebhookBodies.ts"
import { GeneratorQueue } from "../../../src/services/generator/GeneratorQueue.ts"
import { JobTicket } from "../../../src/services/generator/TicketApi.ts"
import { GeneratorWorkerLayer } from "../../../src/services/generator/GeneratorWorker.ts"
import { TicketRenderer } from "../../../src/services/generator/TicketRenderer.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"
import { chunkOf, Core, options, Renderer, reported, ticketOf } from "./GeneratorFixture.ts"

const inMemory = Layer.fresh(GeneratorWorkerLayer.pipe(
  Layer.provideMerge(GeneratorQueue.layerMemory),
  Layer.provideMerge(Renderer)
))

const text = (bytes: Uint8Array, length: number) => Buffer.from(bytes.subarray(0, length)).toString("latin1")

describe("the ticket generator", () => {
  it.live("stores a QR image and a PDF for each ticket and reports links, keys and sizes", () =>
    Effect.gen(function* () {
      const queue = yield* GeneratorQueue
      const files = yield* FileStore
      yield* queue.offer(chunkOf("job_1", [ticketOf(1), ticketOf(2)]))
      const [report] = yield* reported(1)
      assert.strictEqual(report?.webhook_id, "wh_job_1_0")
      assert.isTrue(Schema.is(TicketsGenerated)(report))
      assert.deepStrictEqual(report?.tickets.map((ticket) => [ticket.ticket_id, ticket.status]), [
        [1, "generated"],
        [2, "generated"]
      ])
      const pdf = yield* files.get("tickets/1/1.pdf")
      assert.strictEqual(text(pdf.bytes, 5), "%PDF-")
      assert.strictEqual(text((yield* files.get("tickets/1/1-qr.png")).bytes, 4), "\x89PNG")
      const ticket = report?.tickets[0]
      assert.deepInclude(ticket?.generation_data, {
        format: "pdf",
        qr_code: true,
        qr_size: "small",
        file_key: "tickets/1/1.pdf",
        qr_key: "tickets/1/1-qr.png",
        file_size: pdf.bytes.length
      })
      const link = /^https:\/\/guichet\.example\/files\/tickets\/1\/1\.pdf\?expires=\d+&signature=[\w-]{43}$/
      assert.match(ticket?.generation_data?.file_url ?? "", link)
      assert.deepInclude(ticket?.metadata, { seat_number: "A15", access_type: "VIP" })
    }).pipe(Effect.provide(inMemory)))

  it.live("fails a ticket that cannot be printed, alone and with the reason, and stores nothing of it", () =>
    Effect.gen(function* () {
      const queue = yield* GeneratorQueue
      const core = yield* Core
      const files = yield* FileStore
      core.unknown = new Set([5])
      const { template } = ticketOf(4)
      yield* queue.offer(chunkOf("job_2", [
        ticketOf(1),
        ticketOf(2, { first_name: "李", last_name: "\ue000" }),
        { ...ticketOf(4), template: { ...template, design: "baroque" } },
        ticketOf(5),
        ticketOf(6, { first_name: "Łukasz", last_name: "Şahin" })
      ]))
      const [report] = yield* reported(1)
      assert.deepStrictEqual(report?.tickets.map((ticket) => [ticket.status, ticket.reason]), [
        ["generated", null],
        ["generated", "unprintable: a box is printed for U+E000"],
        ["failed", "unknown_design: baroque"],
        ["failed", "ticket_voided"],
        ["generated", null]
      ])
      assert.deepStrictEqual(report?.tickets[1]?.metadata, {
        ...(report?.tickets[1]?.metadata as object),
        unprintable: ["U+E000"]
      })
      assert.isTrue(yield* files.exists("tickets/1/2-qr.png"))
      assert.isFalse(yield* files.exists("tickets/1/4-qr.png"))
    }).pipe(Effect.provide(inMemory)))

  it.live("takes a chunk that is sent again as the same chunk", () =>
    Effect.gen(function* () {
      const queue = yield* GeneratorQueue
      const core = yield* Core
      yield* queue.offer(chunkOf("job_3", [ticketOf(1)]))
      yield* reported(1)
      yield* queue.offer(chunkOf("job_3", [ticketOf(1)]))
      yield* queue.offer(chunkOf("job_4", [ticketOf(2)]))
      const reports = yield* reported(2)
      assert.deepStrictEqual(reports.map((report) => report.job_id), ["job_3", "job_4"])
      assert.deepStrictEqual(core.asked, [[1], [2]])
    }).pipe(Effect.provide(inMemory)))

  it.live("gives a place to another organiser before the third chunk of one, whatever numbers their events have", () =>
    Effect.gen(function* () {
      const queue = yield* GeneratorQueue
      const core = yield* Core
      core.unknown = new Set([1, 2, 3, 4, 5, 6])
      core.refusals = 3
      for (const id of [1, 2, 3, 4, 5]) {
        yield* queue.offer({ ...chunkOf(`job_of_alice_${id}`, [ticketOf(id)]), owner: "alice" })
      }
      yield* queue.offer({ ...chunkOf("job_of_bob", [ticketOf(6)]), owner: "bob" })
      yield* reported(6)
      assert.deepStrictEqual(core.asked.slice(0, 4).map(([id]) => id), [1, 2, 3, 6])
    }).pipe(Effect.provide(inMemory)))

  it.live("goes on reporting until the core has the report, without rendering again", () =>
    Effect.gen(function* () {
      const queue = yield* GeneratorQueue
      const core = yield* Core
      core.refusals = 1
      yield* queue.offer(chunkOf("job_5", [ticketOf(1)]))
      const reports = yield* reported(1)
      assert.strictEqual(reports.length, 1)
      assert.deepStrictEqual(core.asked, [[1]])
    }).pipe(Effect.provide(inMemory)))

  it.live("fails the tickets of a report that the core refuses for good, and renders them once", () =>
    Effect.gen(function* () {
      const queue = yield* GeneratorQueue
      const core = yield* Core
      core.refusalsForGood = 1
      yield* queue.offer(chunkOf("job_7", [ticketOf(1), ticketOf(2)]))
      const [report] = yield* reported(1)
      assert.strictEqual(report?.webhook_id, "wh_job_7_0")
      assert.deepStrictEqual(report?.tickets.map(({ reason, status }) => [status, reason]), [
        ["failed", "core_refused: HTTP 422"],
        ["failed", "core_refused: HTTP 422"]
      ])
      assert.deepStrictEqual(core.asked, [[1, 2]])
    }).pipe(Effect.provide(inMemory)))

  it.live("is done with a chunk of which the core takes no report at all", () =>
    Effect.gen(function* () {
      const core = yield* Core
      core.refusalsForGood = 2
      const ended = yield* Deferred.make<Exit.Exit<unknown, unknown>>()
      const one = Layer.succeed(GeneratorQueue, {
        offer: () => Effect.void,
        forget: () => Effect.succeed(true),
        take: (priority, work) =>
          priority === "normal"
            ? work(chunkOf("job_8", [ticketOf(1)])).pipe(
              Effect.onExit((exit) => Deferred.succeed(ended, exit)),
              Effect.andThen(Effect.never)
            )
            : Effect.never
      })
      yield* Effect.scoped(Effect.andThen(
        Layer.build(Layer.fresh(Layer.provide(GeneratorWorkerLayer, one))),
        Effect.map(Deferred.await(ended), (exit) => assert.isTrue(Exit.isSuccess(exit)))
      ))
      assert.deepStrictEqual(core.reports, [])
    }).pipe(Effect.provide(Layer.fresh(Renderer))))

  it.live("reports any reason as the core takes it", () =>
    Effect.gen(function* () {
      const queue = yield* GeneratorQueue
      const { template } = ticketOf(1)
      const withDesign = (design: string, at = 0) => ({
        ...ticketOf(at + 1),
        template: { ...template, design }
      })
      for (const design of ["ba\u0000ro\nque", "ba\ud83droque"]) {
        assert.isFalse(Schema.is(JobTicket)(withDesign(design)))
      }
      yield* queue.offer(chunkOf("job_9", [`${"b".repeat(39)}🎟`, "baroque"].map(withDesign)))
      const [report] = yield* reported(1)
      assert.isTrue(Schema.is(TicketsGenerated)(report))
      assert.deepStrictEqual(report?.tickets.map(({ reason }) => reason), [
        `unknown_design: ${"b".repeat(39)}\uFFFD`,
        "unknown_design: baroque"
      ])
    }).pipe(Effect.provide(inMemory)))

  it.live("leaves what it was working at to the next worker", () =>
    Effect.gen(function* () {
      const queue = yield* GeneratorQueue
      const core = yield* Core
      core.refusals = 1_000
      const worker = yield* Scope.make()
      yield* Layer.buildWithScope(Layer.fresh(GeneratorWorkerLayer), worker)
      yield* queue.offer(chunkOf("job_6", [ticketOf(1)]))
      while (core.refusals === 1_000) yield* Effect.yieldNow
      yield* Scope.close(worker, Exit.void)
      core.refusals = 0
      yield* Effect.scoped(Effect.andThen(Layer.build(Layer.fresh(GeneratorWorkerLayer)), reported(1)))
      assert.deepStrictEqual(core.reports.map((report) => report.webhook_id), ["wh_job_6_0"])
    }).pipe(Effect.provide(Layer.fresh(Layer.provideMerge(GeneratorQueue.layerMemory, Renderer)))))
})

layer(Renderer, { excludeTestServices: true })("the renderer", (it) => {
  it.effect("makes every format of QR, and no PDF when none is asked for", () =>
    Effect.gen(function* () {
      const renderer = yield* TicketRenderer
      const core = yield* Core
      const files = yield* FileStore
      const detail = {
        id: 1,
        ticket_type: "VIP",
        seat: null,
        locale: "en" as const,
        timezone: "Europe/Paris",
        organizer: null,
        issued_at: chunkOf("job_1", []).queued_at
      }
      for (const [qrFormat, key] of [["svg", "qr.svg"], ["png", "qr.png"], ["base64", "qr.txt"]] as const) {
        const [rendered] = yield* renderer.render([{ ticket: ticketOf(9), detail }], {
          ...options,
          qrFormat,
          pdfFormat: false
        })
        assert.deepInclude(rendered?.generation_data, {
          format: qrFormat,
          file_url: null,
          file_key: null,
          file_size: null,
          qr_key: `tickets/1/9-${key}`
        })
        assert.isTrue(yield* files.exists(`tickets/1/9-${key}`))
      }
      assert.isFalse(yield* files.exists("tickets/1/9.pdf"))
      assert.deepStrictEqual(core.reports, [])
    }))
})

const prefix = `guichet-test-${randomUUID()}:`

const swept = Layer.effectDiscard(Effect.gen(function* () {
  const redis = yield* Redis.Redis
  const keys = redis.send<Array<string>>("KEYS", `${prefix}*`)
  yield* Effect.addFinalizer(() =>
    Effect.orDie(
      Effect.flatMap(keys, (names) => names.length === 0 ? Effect.void : redis.send("DEL", ...names))
    )
  )
}))

/** Everything that the store has, as text. */
class Stored extends Context.Service<Stored, Effect.Effect<string>>()("test/Stored") {}

const inSql = GeneratorQueue.layerSql.pipe(
  Layer.merge(Layer.effect(
    Stored,
    Effect.map(
      SqlClient.SqlClient,
      (sql) => Effect.orDie(Effect.map(sql`SELECT * FROM ticket_queue`, (rows) => JSON.stringify(rows)))
    )
  )),
  Layer.provide(TestDatabase.layer)
)

const redisCommands = { list: "LRANGE", zset: "ZRANGE" } as const

const inRedis = GeneratorQueue.layerRedisAt(prefix).pipe(
  Layer.merge(Layer.effect(
    Stored,
    Effect.map(Redis.Redis, (redis) =>
      Effect.gen(function* () {
        const keys = yield* redis.send<Array<string>>("KEYS", `${prefix}*`)
        const values = yield* Effect.forEach(keys, (key) =>
          Effect.flatMap(redis.send<"list" | "zset" | "hash">("TYPE", key), (type) =>
            type === "hash" ? redis.send("HGETALL", key) : redis.send(redisCommands[type], key, "0", "-1")))
        return JSON.stringify(values)
      }).pipe(Effect.orDie))
  )),
  Layer.provideMerge(swept),
  Layer.provide(NodeRedis.layer({ url: TestDatabase.redisUrl ?? "" }))
)

/** No place of the store names the guests of the forgotten tickets. */
const sought = Effect.gen(function* () {
  const text = yield* yield* Stored
  for (const id of [11, 13, 14]) assert.notInclude(text, ticketOf(id).ticket_code)
})

const queues: ReadonlyArray<readonly [string, Layer.Layer<GeneratorQueue | Stored, unknown>, boolean]> = [
  ["the database", inSql, false],
  ["Redis", inRedis, TestDatabase.redisUrl === undefined]
]

for (const [place, Queue, absent] of queues) {
  describe.skipIf(absent)(`the queue in ${place}`, () => {
    it.live("delivers an id once, keeps what a worker failed at, and separates priorities", () =>
      Effect.gen(function* () {
        const queue = yield* GeneratorQueue
        const [low, high] = [
          chunkOf("job_low", [ticketOf(1)], "low"),
          chunkOf("job_high", [ticketOf(2)], "high")
        ]
        for (const chunk of [low, high, low, high]) yield* queue.offer(chunk)
        const interrupted = yield* Effect.exit(queue.take("high", () => Effect.interrupt))
        assert.isTrue(Exit.isFailure(interrupted))
        assert.deepStrictEqual(yield* queue.take("high", Effect.succeed), high)
        assert.deepStrictEqual(yield* queue.take("low", Effect.succeed), low)
        const empty = yield* Effect.timeoutOption(queue.take("high", Effect.succeed), "50 millis")
        assert.strictEqual(empty._tag, "None")
      }).pipe(Effect.provide(Layer.fresh(Queue))))

    it.live("forgets a ticket in what waits, failed and is done, and says when a worker has it in hand", () =>
      Effect.gen(function* () {
        const queue = yield* GeneratorQueue
        const shared = chunkOf("job_shared", [ticketOf(11), ticketOf(12)], "low")
        yield* queue.offer(shared)
        yield* queue.offer(chunkOf("job_alone", [ticketOf(11)], "low"))
        assert.isTrue(yield* queue.forget([11]))
        assert.isTrue(yield* queue.forget([11]))
        const left = yield* queue.take("low", Effect.succeed)
        assert.deepStrictEqual(left, { ...shared, job: { ...shared.job, tickets: [ticketOf(12)] } })
        const empty = yield* Effect.timeoutOption(queue.take("low", Effect.succeed), "50 millis")
        assert.strictEqual(empty._tag, "None")

        yield* queue.offer(chunkOf("job_alone", [ticketOf(11)], "low"))
        yield* queue.offer(chunkOf("job_failing", [ticketOf(13)], "normal"))
        yield* Effect.exit(queue.take("normal", () => Effect.fail("delayed")))
        assert.isTrue(yield* queue.forget([13]))
        const again = yield* Effect.timeoutOption(queue.take("low", Effect.succeed), "50 millis")
        assert.strictEqual(again._tag, "None", "an emptied chunk keeps its id")

        yield* queue.offer(chunkOf("job_held", [ticketOf(14)], "high"))
        const whileHeld = yield* queue.take("high", () => queue.forget([14]))
        assert.isFalse(whileHeld)
        assert.isTrue(yield* queue.forget([14]))
        yield* sought
      }).pipe(Effect.provide(Layer.fresh(Queue))))
  })
}
