/**
 * Who carries messages: on a database server nothing is called sent that leaves no machine, unless the outbox is asked for.
 * Guards whose removal turns this file red: the refusal of a server without mail, the default of `SMS_OUTBOX`.
 */
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, FileSystem, Layer } from "effect"
import { sentenceOf } from "../../../src/cli/Sentence.ts"
import { EmailTransport } from "../../../src/services/notifications/EmailTransport.ts"
import { SmsTransport } from "../../../src/services/notifications/SmsTransport.ts"

const server = { DATABASE_URL: "postgres://guichet@db.example/guichet" }
const smtp = { SMTP_URL: "smtp://127.0.0.1:1", MAIL_FROM: "tickets@example.com" }

const chosen = Effect.fnUntraced(
  function* (env: Readonly<Record<string, string>>) {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped()
    const providers = Effect.gen(function* () {
      return [(yield* EmailTransport).provider, (yield* SmsTransport).provider]
    })
    return yield* Effect.provide(
      providers,
      Layer.merge(EmailTransport.layer(directory), SmsTransport.layer(directory)).pipe(
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(env)))
      )
    )
  },
  Effect.scoped,
  Effect.provide(NodeServices.layer)
)

describe("messages", () => {
  it.effect("are files without a database server, whatever else is not set", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* chosen({}), ["outbox", "outbox"])
      assert.deepStrictEqual(yield* chosen(smtp), ["smtp", "outbox"])
      assert.deepStrictEqual(yield* chosen({ SMS_OUTBOX: "false" }), ["outbox", "none"])
    }))

  it.effect("are files on a database server only where that is asked for", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* chosen({ ...server, ...smtp }), ["smtp", "none"])
      assert.deepStrictEqual(yield* chosen({ ...server, MAIL_OUTBOX: "true", SMS_OUTBOX: "true" }), [
        "outbox",
        "outbox"
      ])
      assert.strictEqual(
        sentenceOf(yield* Effect.flip(chosen(server))),
        "Set SMTP_URL and MAIL_FROM, or MAIL_OUTBOX=true to keep e-mails as files that are sent to nobody."
      )
    }))
})
