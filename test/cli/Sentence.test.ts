/**
 * A failure's sentence names what to change.
 * Guards whose removal turns this file red: the variable's name, the value that is kept back, the flag of a permission.
 */
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect } from "effect"
import { sentenceOf } from "../../src/cli/Sentence.ts"
import { DatabaseError } from "../../src/database/DatabaseError.ts"

const provider = ConfigProvider.fromEnv({ env: { PORT: "hunter2" } })

describe("a failure", () => {
  it.effect("of the configuration names its variable and not its value", () =>
    Effect.gen(function* () {
      const wrong = yield* Effect.flip(Config.Int("PORT").parse(provider))
      assert.match(sentenceOf(wrong), /^PORT is wrong: Expected .+\.$/)
      assert.notInclude(sentenceOf(wrong), "hunter2")
      const absent = yield* Effect.flip(Config.Redacted("KEY").parse(provider))
      assert.strictEqual(sentenceOf(absent), "KEY is not set.")
    }))

  it("of a permission names the flag that grants it, and a command", () => {
    const denied = new Error('Requires write access to "/srv", run again with the --allow-write flag')
    denied.name = "NotCapable"
    const said = sentenceOf(
      new DatabaseError({ message: "The directory of /srv cannot be made.", cause: denied })
    )
    assert.include(said, "The directory of /srv cannot be made. Deno does not allow it")
    assert.include(said, "--allow-write")
    assert.include(said, "deno run -A src/main.ts ")
  })
})
