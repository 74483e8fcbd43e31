/**
 * Tickets rendered on threads are those that were asked for, in their order. Guards, each of which turns this file red
 * when it is removed: a broken thread is given up, its tickets fail and may be rendered again; few tickets start none.
 */
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, FileSystem, Layer, Redacted } from "effect"
import { FileLinks } from "../../../src/files/FileLinks.ts"
import { FileStore } from "../../../src/files/FileStore.ts"
import { Fonts } from "../../../src/pdf/Fonts.ts"
import * as Platform from "../../../src/Platform.ts"
import { TicketPress } from "../../../src/services/tickets/TicketPress.ts"
import { TicketRenderer } from "../../../src/services/tickets/TicketRenderer.ts"
import { detailOf, options, ticketOf } from "./GeneratorFixture.ts"

const printables = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ ticket: ticketOf(at + 1), detail: detailOf(at + 1) }))

const secret = "a-secret-of-tests"
const program = (path: string) => new URL(path, import.meta.url)
const renderThread = program("../../../src/app/RenderThread.ts")
const dyingThread = program("../../support/DyingThread.ts")

/** A press with two threads of this program; `here` is how many tickets it rendered without them. */
const pressOn = (entry: URL) =>
  Layer.unwrap(Effect.gen(function* () {
    const directory = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped({
      prefix: "guichet-press-"
    })
    const threads = Platform.threads(entry, {
      GUICHET_DATA: directory,
      PUBLIC_URL: "https://guichet.example",
      TICKET_GENERATOR_SECRET: secret,
      LOG_LEVEL: "error"
    })
    return TicketPress.layerThreads(threads).pipe(
      Layer.provide(TicketRenderer.layer),
      Layer.provide(Fonts.layer),
      Layer.provide(FileLinks.layer({ baseUrl: "https://guichet.example", secret: Redacted.make(secret) })),
      Layer.provideMerge(FileStore.layerLocal(`${directory}/files`)),
      Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ TICKET_THREADS: "2" })))
    )
  })).pipe(Layer.provideMerge(Platform.services))

describe("tickets on threads", () => {
  it.live("are rendered and stored, and reported in their order", () =>
    Effect.gen(function* () {
      const press = yield* TicketPress
      const files = yield* FileStore
      const reports = yield* press.render(printables(30), options)
      assert.deepStrictEqual(
        reports.map((report) => report.ticket_id),
        printables(30).map(({ ticket }) => ticket.id)
      )
      for (const { generation_data: data } of reports) {
        const file = yield* files.get(data!.file_key!)
        assert.strictEqual(file.bytes.length, data!.file_size)
        assert.isTrue(yield* files.exists(data!.qr_key!))
      }
      assert.match(
        reports[29]!.generation_data!.file_url!,
        /^https:\/\/guichet\.example\/files\/.+signature=/
      )
    }).pipe(Effect.provide(pressOn(renderThread))))

  it.live("fail with a thread that breaks, and are rendered by the next", () =>
    Effect.gen(function* () {
      const press = yield* TicketPress
      const error = yield* Effect.flip(press.render(printables(9), options))
      assert.strictEqual(error._tag, "ThreadBroken")
      assert.lengthOf(yield* press.render(printables(9), options), 9)
    }).pipe(Effect.provide(pressOn(dyingThread))))

  it.live("start none when they are few", () =>
    Effect.gen(function* () {
      const press = yield* TicketPress
      assert.lengthOf(yield* press.render(printables(8), options), 8)
    }).pipe(Effect.provide(pressOn(program("./NoSuchProgram.ts")))))
})
