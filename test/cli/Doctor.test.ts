/**
 * What a start refuses, the doctor has said before, and both in sentences that name the variable.
 * Guards whose removal turns this file red: each setting's place in `Settings`, its check, the words of a failure.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { startProgram } from "../support/ChildProgram.ts"
import { embedded, empty } from "../support/Installation.ts"
import { serve } from "../support/Served.ts"
import { secrets } from "../support/TestApp.ts"

const run = Effect.fnUntraced(
  function* (env: Readonly<Record<string, string>>, ...args: ReadonlyArray<string>) {
    const child = yield* startProgram("src/main.ts", args, { LOG_FORMAT: "json", ...env })
    return { code: yield* child.exit, said: child.lines.join("\n") }
  }
)

const wrong = {
  CORE_PORT: "abc",
  LOG_LEVEL: "foo",
  LOG_FORMAT: "xml",
  SMTP_URL: "garbage",
  TICKET_THREADS: "-2",
  TICKET_JOB_QUIET: "banana",
  INVOICE_PREFIX: "FA/",
  INVOICE_TIMEZONE: "Mars/X",
  INVOICE_LOCALE: "tlh",
  INVOICE_VAT_BASIS_POINTS: "20%",
  STRIPE_SECRET_KEY: "sk_test_secret",
  GUICHET_CLUSTER: "blah",
  REDIS_URL: "http://:hunter2@localhost",
  MAIL_OUTBOX: "perhaps",
  SMS_OUTBOX: "maybe",
  DRAIN_SECONDS: "-1",
  REQUEST_DEADLINE: "soon",
  OTEL_TRACES_SAMPLER: "sometimes",
  TICKET_SIGNING_KEY: "abc",
  PAYMENT_SERVICE_SECRET: "short"
}

describe("guichet doctor", () => {
  it.live(
    "names each variable that is wrong, and prints none of their values",
    () =>
      Effect.gen(function* () {
        const { env } = yield* empty
        const { code, said } = yield* run({ ...env, ...wrong }, "doctor")
        assert.strictEqual(code, 1, said)
        const faults = said.split("\n").filter((line) => line.startsWith("✗"))
        const silent = Object.keys(wrong).filter((name) =>
          faults.filter((line) => line.includes(name)).length === 0
        )
        assert.deepStrictEqual(silent, [], said)
        assert.notMatch(said, /ConfigError|SchemaError|hunter2|sk_test_secret|\s{4}at /)
      })
  )

  it.live("takes it that another process has the data directory", () =>
    Effect.gen(function* () {
      const { env } = yield* embedded
      yield* serve(env)
      const { code, said } = yield* run(env, "doctor")
      assert.strictEqual(code, 0, said)
      assert.include(said, "– The embedded database opens: not looked at. Another process")
      assert.include(said, "– SMS are files in the outbox")
      const tokens = yield* run(env, "token", "list")
      assert.strictEqual(tokens.code, 1)
      assert.include(tokens.said, "POST, GET and DELETE /api/tokens")
    }))
})

describe("a start", () => {
  const nowhere = "127.0.0.1:1"
  const starts: ReadonlyArray<readonly [Readonly<Record<string, string>>, string]> = [
    [{ SMTP_URL: "smtp://mail.example" }, "guichet: SMTP_URL is set: set MAIL_FROM too"],
    [{ INVOICE_TIMEZONE: "Mars/X" }, "guichet: INVOICE_TIMEZONE is wrong: Expected a valid IANA time zone."],
    [
      { REDIS_URL: `redis://:hunter2@${nowhere}` },
      `guichet: Redis at ${nowhere} does not answer (connect ECONNREFUSED`
    ],
    [
      { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "10%" },
      "guichet: OTEL_TRACES_SAMPLER_ARG is wrong: Expected"
    ],
    [{ GUICHET_HOST: "999.1.1.1" }, "set GUICHET_HOST to an address of this machine."],
    [
      { ...secrets(), DATABASE_URL: `postgres://me:hunter2@${nowhere}/guichet` },
      `guichet: PostgreSQL at ${nowhere} does not open guichet (ECONNREFUSED): start it, or correct DATABASE_URL.`
    ]
  ]
  it.live.each(starts)("that cannot succeed says why: %o", ([env, sentence]) =>
    Effect.gen(function* () {
      const installation = yield* embedded
      const { code, said } = yield* run({ ...installation.env, ...env }, "serve")
      assert.strictEqual(code, 1, said)
      assert.include(said, sentence)
      assert.notMatch(said, /hunter2|^ {4}at /m)
    }))
})
