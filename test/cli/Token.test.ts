/** A token that cannot be right is not made, and the list says of each what it opens and how long. */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Option } from "effect"
import { table, type TokenArguments, toNewToken } from "../../src/cli/TokenWords.ts"

const none = Option.none()
const asked = (change: Partial<TokenArguments> = {}): TokenArguments => ({
  role: "operator",
  subject: "sam",
  organizer: none,
  events: none,
  gates: none,
  days: none,
  ...change
})

describe("guichet token", () => {
  it.effect("makes what it is asked for", () =>
    Effect.gen(function* () {
      const token = yield* toNewToken(asked({
        subject: " sam ",
        events: Option.some("1, 2"),
        gates: Option.some("A,B"),
        days: Option.some(3)
      }))
      const { expiresAt, ...rest } = token
      assert.deepStrictEqual(rest, {
        role: "operator",
        subject: "sam",
        owner: undefined,
        events: [1, 2],
        gates: ["A", "B"]
      })
      const named = yield* toNewToken(asked({ organizer: Option.some(" alice ") }))
      assert.strictEqual(named.owner, "alice")
      assert.strictEqual(DateTime.toEpochMillis(expiresAt!), 3 * 86_400_000)
      const free = yield* toNewToken(asked({ role: "organizer" }))
      assert.deepStrictEqual([free.events, free.gates, free.expiresAt], [undefined, undefined, undefined])
    }))

  it.effect("refuses each argument that cannot be right, by its name", () =>
    Effect.gen(function* () {
      const wrong: ReadonlyArray<readonly [string, Partial<TokenArguments>]> = [
        ["--subject", { subject: " " }],
        ["--subject", { subject: "a\u0000" }],
        ["--organizer", { organizer: Option.some(" ") }],
        ["--organizer", { role: "admin", organizer: Option.some("alice") }],
        ["--events", { events: Option.some("abc") }],
        ["--events", { events: Option.some("1,-1") }],
        ["--events", { events: Option.some("99999999999999999999") }],
        ["--events", { events: Option.some(" , ") }],
        ["--events", { role: "organizer", events: Option.some("1") }],
        ["--gates", { role: "admin", gates: Option.some("A") }],
        ["--days", { days: Option.some(-3) }],
        ["--days", { days: Option.some(0) }]
      ]
      for (const [flag, change] of wrong) {
        const { message } = yield* Effect.flip(toNewToken(asked(change)))
        assert.isTrue(message.startsWith(`${flag} `), message)
      }
    }))

  it("lists limits, creation and what has expired, under a heading", () => {
    const row = {
      token_id: "tok_1",
      seq: 1,
      role: "operator" as const,
      subject: "sam",
      owner: "alice",
      events: [1, 2],
      gates: null,
      unreached_scans: 0,
      unreached_at: null,
      created_at: DateTime.makeUnsafe("2026-01-01T08:00:00Z"),
      expires_at: DateTime.makeUnsafe("2026-01-02T08:00:00Z"),
      revoked_at: null
    }
    const [heading, first, second] = table(
      [row, { ...row, expires_at: null, revoked_at: DateTime.makeUnsafe("2026-01-03T08:00:00Z") }],
      Date.parse("2026-01-02T09:00:00Z")
    )
    assert.match(heading!, /^ID +ROLE +SUBJECT +ORGANIZER +EVENTS +GATES +CREATED \(UTC\) +STATE$/)
    assert.match(
      first!,
      /^tok_1 +operator +sam +alice +1,2 +all +2026-01-01 08:00 +expired 2026-01-02 08:00$/
    )
    assert.match(second!, /revoked 2026-01-03 08:00$/)
  })
})
