/**
 * The address that links start with: a start with one that is none says so.
 * Guards whose removal turns this file red: the pattern of `PUBLIC_URL`.
 */
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect } from "effect"
import { publicUrl } from "../../src/app/Foundation.ts"
import { sentenceOf } from "../../src/cli/Sentence.ts"
import { startProgram } from "../support/ChildProgram.ts"
import { embedded, postgres } from "../support/Installation.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const given = (environment: Record<string, string>) =>
  Effect.provide(publicUrl, ConfigProvider.layer(ConfigProvider.fromUnknown(environment)))

const sentence = "Expected a URL such as https://tickets.example"

describe("PUBLIC_URL", () => {
  it.effect("is a URL, and http://localhost and the core's port unless it is given", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* given({}), "http://localhost:3001")
      assert.strictEqual(yield* given({ CORE_PORT: "8080" }), "http://localhost:8080")
      for (const url of ["https://tickets.example", "http://10.0.0.7:8080", "https://example.com/tickets"]) {
        assert.strictEqual(yield* given({ PUBLIC_URL: url }), url)
      }
      for (
        const url of ["tickets.example", "/tickets", "ftp://tickets.example", "https://", "https:///x", "  "]
      ) {
        const error = yield* Effect.flip(given({ PUBLIC_URL: url }))
        assert.include(sentenceOf(error), sentence, url)
        assert.include(sentenceOf(error), "PUBLIC_URL", url)
      }
    }))

  it.live("that is none stops the start with a sentence", () =>
    Effect.gen(function* () {
      const { env } = yield* TestDatabase.serverUrl === undefined ? embedded : postgres
      const child = yield* startProgram("src/main.ts", ["serve"], {
        ...env,
        LOG_FORMAT: "json",
        PUBLIC_URL: "tickets.example"
      })
      const code = yield* child.exit
      const said = child.lines.join("\n")
      assert.strictEqual(code, 1, said)
      assert.match(said, /^guichet: /m)
      assert.include(said, sentence)
      assert.notInclude(said, "    at ")
    }).pipe(Effect.scoped))
})
