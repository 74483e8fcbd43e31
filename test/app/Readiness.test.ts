/**
 * A process whose loop, database or file store does not do its work is not ready, and says why; it is again when they do.
 * Guards whose removal turned this file red: the database that takes no writes, the block that is written.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { databaseFault, loopFault } from "../../src/app/Readiness.ts"
import { makeHolds } from "../../src/telemetry/LoopWatch.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { TestApp } from "../support/TestApp.ts"

describe("a loop", () => {
  it("that is held most of the time is a reason, until it has turned again", () => {
    let now = 0
    const holds = makeHolds(() => now)
    for (let at = 0; at < 7; at++) {
      now += 1_000
      holds.add(1_000)
    }
    assert.isUndefined(loopFault(holds.held()))
    now += 1_000
    holds.add(1_000)
    assert.include(loopFault(holds.held()), "held the event loop for 8 of the last 10 seconds")
    now += 3_000
    assert.isUndefined(loopFault(holds.held()))
  })
})

layer(TestAppLayer.layer, { excludeTestServices: true, timeout: "5 minutes" })("readiness", (it) => {
  const detail = Effect.gen(function* () {
    const app = yield* TestApp
    const { json, status } = yield* app.ask("/health/ready")
    return status === 200 ? json.status : `${status} ${json.detail}`
  })

  it.effect("fails while the folder of files is full, and comes back", () =>
    Effect.gen(function* () {
      const { directory } = yield* TestApp
      assert.strictEqual(yield* detail, "ready")
      const probe = Path.join(directory, "files", ".room")
      Fs.symlinkSync("/dev/full", probe)
      assert.match(yield* detail, /^503 The folder of files takes no more of them/)
      Fs.unlinkSync(probe)
      assert.strictEqual(yield* detail, "ready")
    }))

  it.effect("fails where the database takes no writes", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      assert.isUndefined(yield* databaseFault)
      const readOnly = sql.withTransaction(Effect.andThen(sql`SET TRANSACTION READ ONLY`, databaseFault))
      assert.include(yield* readOnly, "takes no writes")
    }))
})
