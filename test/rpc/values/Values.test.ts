/**
 * Values that anybody sends are decoded or refused; no decoder throws. Guards whose removal turns this file red: the
 * bound on an instant's offset, `abort` in `limited`, and the refusal of what cannot be stored.
 */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Exit, Schema } from "effect"
import * as fc from "fast-check"
import {
  AnyEmail,
  Email,
  Instant,
  Label,
  limited,
  Phone,
  storable,
  TimeZone,
  WebUrl
} from "../../../rpc/values/Values.ts"

const decode = Schema.decodeUnknownExit(Instant)

const refused = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && exit.cause.reasons.every((reason) => reason._tag === "Fail")

describe("an instant", () => {
  it("has an offset that a clock may have", () => {
    for (const sign of ["+", "-"]) {
      for (let hour = 0; hour < 100; hour++) {
        for (const minute of [0, 1, 9, 30, 59, 60, 99]) {
          const offset = `${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`
          const exit = decode(`2025-06-20T09:00:00${sign}${offset}`)
          assert.strictEqual(Exit.isSuccess(exit), hour < 24 && minute < 60, offset)
          assert.strictEqual(refused(exit), hour > 23 || minute > 59, offset)
        }
      }
    }
  })

  it("is refused or decoded to the moment it names, whatever the text", () => {
    const digits = (count: number) => fc.stringMatching(new RegExp(`^[0-9]{${count}}$`))
    const near = fc.tuple(
      digits(4),
      digits(2),
      digits(2),
      digits(2),
      digits(2),
      fc.oneof(fc.constant(""), digits(2).map((second) => `:${second}`)),
      fc.constantFrom("Z", "z", "", "+24:00", "-23:59", "+00:60", "+1:00")
    ).map(([year, month, day, hour, minute, second, offset]) =>
      `${year}-${month}-${day}T${hour}:${minute}${second}${offset}`
    )
    fc.assert(
      fc.property(fc.oneof(near, fc.string()), (text) => {
        const exit = decode(text)
        if (Exit.isSuccess(exit)) assert.strictEqual(DateTime.toEpochMillis(exit.value), Date.parse(text))
        else assert.isTrue(refused(exit), text)
      }),
      { numRuns: 5_000 }
    )
  })
})

describe("a text", () => {
  it("that is too long is refused before a pattern runs over it", () => {
    let ran = 0
    const counted = limited(10, Schema.makeFilter(() => ++ran > 0))
    assert.isTrue(refused(Schema.decodeUnknownExit(counted, { errors: "all" })("x".repeat(11))))
    assert.strictEqual(ran, 0)
    assert.isTrue(Exit.isSuccess(Schema.decodeUnknownExit(counted)("x".repeat(10))))
    assert.strictEqual(ran, 1)
  })

  it("names its length alone where it is too long, and throws nowhere", () => {
    for (const schema of [AnyEmail, Email, Label, Phone, TimeZone, WebUrl, storable(100)]) {
      for (const end of ["", "\u0000", "\ud800"]) {
        const exit = Schema.decodeUnknownExit(schema, { errors: "all" })(`a@${"a.".repeat(40_000)}${end}`)
        assert.isTrue(refused(exit))
      }
    }
  })

  it("that cannot be stored is refused where it is looked up", () => {
    const decode = Schema.decodeUnknownExit(storable(100))
    for (const text of ["a\u0000b", "\ud800", "a\udc00"]) {
      assert.isTrue(refused(decode(text)), JSON.stringify(text))
    }
    for (const text of ["", "msg_1", "é 😀\n"]) assert.isTrue(Exit.isSuccess(decode(text)), text)
  })
})
