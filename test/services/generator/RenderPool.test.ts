/**
 * Tickets rendered on threads are those that were asked for, in their order. Guards, each of which turns this file red
 * when it is removed: a broken thread is given up, its tickets fail and may be rendered again; few tickets start none; a
 * thread can be told to end, and no signal ends it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { FileStore } from "../../../src/files/FileStore.ts"
import { RenderPool } from "../../../src/services/generator/RenderPool.ts"
import { startProgram } from "../../support/ChildProgram.ts"
import { pressOn, printables, renderThread } from "../../support/RenderThreads.ts"
import { options } from "./GeneratorFixture.ts"

const program = (path: string) => new URL(path, import.meta.url)
const dyingThread = program("../../support/DyingThread.ts")

describe("tickets on threads", () => {
  it.live("are rendered and stored, and reported in their order", () =>
    Effect.gen(function* () {
      const press = yield* RenderPool
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
      const press = yield* RenderPool
      const error = yield* Effect.flip(press.render(printables(9), options))
      assert.strictEqual(error._tag, "ThreadBroken")
      assert.lengthOf(yield* press.render(printables(9), options), 9)
    }).pipe(Effect.provide(pressOn(dyingThread))))

  it.live("are rendered through a signal to the process, and their threads end without a word", () =>
    Effect.gen(function* () {
      const child = yield* startProgram("test/support/RenderOnce.ts")
      assert.strictEqual(yield* child.exit, 0, child.lines.join("\n"))
      assert.deepStrictEqual(child.lines, [])
    }))

  it.live("start none when they are few", () =>
    Effect.gen(function* () {
      const press = yield* RenderPool
      assert.lengthOf(yield* press.render(printables(8), options), 8)
    }).pipe(Effect.provide(pressOn(program("./NoSuchProgram.ts")))))
})
