/**
 * A thread that does not answer is ended, and the next question has another. Guards whose removal turns this file red: the
 * time that an answer may take, the thread that is given up with it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { RpcClient } from "effect/rpc"
import { TestClock } from "effect/testing"
import * as ThreadPool from "../../src/durable/ThreadPool.ts"
import { LogoRpc } from "../../src/images/LogoDecoder.ts"
import * as Platform from "../../src/Platform.ts"

const file = new Uint8Array(10)

describe("threads", () => {
  it.effect("that never answer are ended, and hold nobody", () =>
    Effect.gen(function* () {
      const programs = ["../support/SpinningThread.ts", "../../src/images/LogoThread.ts"]
      let started = 0
      const ask = yield* ThreadPool.make({
        client: RpcClient.make(LogoRpc),
        spawning: Platform.threads(
          () => new URL(programs[Math.min(started++, 1)]!, import.meta.url),
          { LOG_LEVEL: "error" }
        ),
        size: 1,
        ahead: 1,
        longest: "6 seconds"
      })
      const question = ask((thread) => thread.DecodeLogo({ file }))
      const first = yield* Effect.forkChild(Effect.flip(question))
      while (first.pollUnsafe() === undefined) {
        yield* TestClock.adjust("10 seconds")
        yield* Effect.promise(() => new Promise((resume) => setImmediate(resume)))
      }
      assert.deepInclude(yield* Fiber.join(first), { _tag: "ThreadBroken", reason: "no answer" })
      assert.isNull(yield* question)
      assert.strictEqual(started, 2)
    }).pipe(Effect.scoped), 60_000)
})
