/**
 * What was sent is not kept for ever: names, addresses and codes leave the outbox with their message.
 * Guards whose removal turns this file red: the age, the names that are ours, the look that comes back.
 */
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, FileSystem, Layer, Path } from "effect"
import { TestClock } from "effect/testing"
import * as Outbox from "../../../src/services/notifications/Outbox.ts"

const names = ["old.eml", "old.sms.txt", "young.eml", "young.sms.txt", "notes.txt"]

/** An outbox whose files were written so many days ago: the old ones and somebody else's, then the young ones. */
const outbox = Effect.fnUntraced(function* (old: number, young: number) {
  const fs = yield* FileSystem.FileSystem
  const dir = yield* fs.makeTempDirectoryScoped()
  const now = yield* DateTime.now
  yield* fs.makeDirectory(`${dir}/outbox`)
  for (const name of names) {
    const written = DateTime.toDateUtc(
      DateTime.subtract(now, { days: name.startsWith("young") ? young : old })
    )
    yield* fs.writeFileString(`${dir}/outbox/${name}`, "To: ana@example.com")
    yield* fs.utimes(`${dir}/outbox/${name}`, written, written)
  }
  return { dir, left: Effect.map(fs.readDirectory(`${dir}/outbox`), (left) => left.toSorted()) }
})

describe("the outbox", () => {
  it.effect("forgets a message after 31 days, and keeps what is younger or not its own", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.parse("2027-03-01T08:00:00Z"))
      const { dir, left } = yield* outbox(32, 30)
      yield* Layer.build(Outbox.sweeperLayer(dir))
      assert.deepStrictEqual(yield* left, ["notes.txt", "young.eml", "young.sms.txt"])
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("is looked at every hour, and need not be there", () => {
    let looks = 0
    const nothing = FileSystem.layerNoop({ exists: () => Effect.sync(() => ++looks < 0) })
    return Effect.gen(function* () {
      yield* Layer.build(Outbox.sweeperLayer("/nowhere"))
      assert.strictEqual(looks, 1)
      yield* TestClock.adjust("3 hours")
      assert.strictEqual(looks, 4)
    }).pipe(Effect.provide(Layer.merge(nothing, Path.layer)))
  })
})
