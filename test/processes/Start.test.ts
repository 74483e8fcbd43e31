/** A start that cannot succeed says why in a sentence, and what to do about it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createServer } from "node:net"
import { startProgram } from "../support/ChildProgram.ts"
import { completed, start } from "../support/FlowRuns.ts"
import { embedded, empty, postgres } from "../support/Installation.ts"
import { freePortVariables, serve } from "../support/Served.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

/** Runs the command to its end; answers its exit code and what it said. */
const run = Effect.fnUntraced(
  function* (env: Readonly<Record<string, string>>, ...args: ReadonlyArray<string>) {
    const child = yield* startProgram("src/main.ts", args, { LOG_FORMAT: "json", ...env })
    return { code: yield* child.exit, said: child.lines.join("\n") }
  }
)

describe("a start that cannot succeed", () => {
  it.live(
    "refuses a data directory that another process has, and leaves that process alone",
    () =>
      Effect.gen(function* () {
        const installation = yield* empty
        const first = yield* serve(installation.env)
        const second = yield* run({ ...installation.env, ...(yield* freePortVariables) }, "serve")
        assert.strictEqual(second.code, 1)
        assert.include(
          second.said,
          `guichet: Another process (${first.child.pid}) is using this data directory.`
        )
        assert.notInclude(second.said, "    at ")
        yield* completed(first, yield* installation.token, [
          yield* start(first, yield* installation.token, 1)
        ])
      })
  )

  it.live("names a port that is taken", () =>
    Effect.gen(function* () {
      const installation = yield* embedded
      const port = Number(installation.env["CORE_PORT"])
      yield* Effect.acquireRelease(
        Effect.promise(() => {
          const server = createServer()
          return new Promise<typeof server>((resolve) =>
            server.listen(port, "127.0.0.1", () => resolve(server))
          )
        }),
        (server) => Effect.sync(() => server.close())
      )
      const { code, said } = yield* run(installation.env, "serve")
      assert.strictEqual(code, 1, said)
      assert.include(said, `guichet: Port ${port} of 127.0.0.1 cannot be served`)
      assert.notInclude(said, "    at ")
    }))
})

describe.skipIf(TestDatabase.serverUrl === undefined)("a start on PostgreSQL", () => {
  it.live(
    "refuses a schema that is behind until `guichet migrate` has been run",
    () =>
      Effect.gen(function* () {
        const installation = yield* postgres
        const env = { ...installation.env, DATABASE_URL: yield* TestDatabase.freshUrl("empty") }
        const refused = yield* run(env, "serve")
        assert.strictEqual(refused.code, 1)
        assert.include(refused.said, "guichet: The database schema is at migration 0")
        assert.include(refused.said, `run "guichet migrate"`)
        assert.notInclude(refused.said, "    at ")
        const migrated = yield* run(env, "migrate")
        assert.strictEqual(migrated.code, 0, migrated.said)
        assert.include(migrated.said, "Applied 0001_core")
        assert.strictEqual((yield* (yield* serve(env)).ask("/health/ready")).status, 200)
      })
  )

  it.live("names each secret that is not set", () =>
    Effect.gen(function* () {
      const installation = yield* postgres
      const { code, said } = yield* run({ ...installation.env, PAYMENT_SERVICE_SECRET: "" }, "serve")
      assert.strictEqual(code, 1)
      assert.include(said, "guichet: Set PAYMENT_SERVICE_SECRET to a random secret")
      const { code: unsigned, said: why } = yield* run(
        { ...installation.env, TICKET_SIGNING_KEY: "" },
        "serve"
      )
      assert.strictEqual(unsigned, 1)
      assert.include(why, "TICKET_SIGNING_KEY")
    }))
})
