/**
 * What becomes of each fault of PostgreSQL, wherever it is wrapped.
 * Guards whose removal turns this file red: each class of the table (`SqlStates`), the codes that differ from theirs, and
 * every wrapper that `TransientFault` looks into.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Schema } from "effect"
import { PersistenceError } from "effect/cluster/ClusterError"
import { PersistedQueue } from "effect/persistence"
import { ConnectionError, SqlError, SqlSyntaxError, UnknownError } from "effect/sql/SqlError"
import { rulingOf } from "../../src/database/SqlStates.ts"
import { fateOf, isTransient } from "../../src/database/TransientFault.ts"

/** Every class of appendix A of PostgreSQL's manual but that of success and that of warnings. */
const appendix =
  ("02 03 08 09 0A 0B 0F 0L 0P 0Z 10 20 21 22 23 24 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F 40 42 44 53 54 55 57 58 72 F0 " +
    "HV P0 XX").split(" ")

const thrown = (code: string) => Object.assign(new Error("provoked"), { code })

const sqlFault = (code: string) =>
  new SqlError({ reason: new UnknownError({ cause: thrown(code), message: "provoked", operation: "query" }) })

const lostConnection = new SqlError({
  reason: new ConnectionError({ cause: new Error("closed"), message: "closed" })
})

const wrapInPersistence = (fault: unknown) => new PersistenceError({ cause: fault })

describe("a fault of the database", () => {
  it("has a ruling of its class, whatever class of the appendix it is of", () => {
    for (const name of appendix) {
      assert.notStrictEqual(rulingOf(`${name}000`)?.because, rulingOf("ZZ999")?.because, name)
    }
  })

  it("passes when the server, the connection or a limit is at fault, and is final when the statement is", () => {
    const fates = {
      passes:
        "08000 08003 08006 08P01 57P01 57P02 57P03 57P05 57014 53000 53100 53200 53300 53400 25006 40001 40003 40P01 55P03 " +
        "55006 58030 58P01 26000 42P05 72000 EPIPE ECONNRESET ECONNREFUSED ETIMEDOUT",
      doubtful: "XX000 XX001 XX002 57P04 55000 F0000 ZZ999 NEW01",
      final:
        "22003 22021 23505 23514 40002 42501 42601 42P01 0A000 21000 25001 25P02 54001 28P01 3D000 3F000 P0001"
    }
    for (const [fate, codes] of Object.entries(fates)) {
      for (const code of codes.split(" ")) assert.strictEqual(fateOf(sqlFault(code)), fate, code)
    }
  })

  it("passes without a code when the connection was lost, and is nothing when it is not the database's", () => {
    assert.strictEqual(fateOf(lostConnection), "passes")
    const encoding = new SqlError({
      reason: new UnknownError({ cause: new Error("encode"), message: "encode" })
    })
    assert.strictEqual(fateOf(encoding), "final")
    for (
      const other of [undefined, null, "57P01", new Error("57P01"), thrown("57P01"), {
        cause: thrown("08006")
      }]
    ) {
      assert.isFalse(isTransient(other), String(other))
    }
  })

  it("is found however it is wrapped", () => {
    const wrappers: ReadonlyArray<(fault: unknown) => unknown> = [
      wrapInPersistence,
      (fault) => wrapInPersistence(wrapInPersistence(wrapInPersistence(fault))),
      (fault) => new PersistedQueue.PersistedQueueError({ message: "away", cause: Cause.fail(fault) }),
      (fault) => new Error("outer", { cause: fault }),
      (fault) => new AggregateError([new Error("other"), fault]),
      (fault) => Cause.die(new Error("outer", { cause: fault })),
      (fault) => new SqlError({ reason: new ConnectionError({ cause: fault, message: "closed" }) })
    ]
    for (const [at, wrap] of wrappers.entries()) {
      assert.strictEqual(fateOf(wrap(sqlFault("25006"))), "passes", `${at}`)
      assert.strictEqual(fateOf(wrap(sqlFault("23505"))), "final", `${at}`)
      assert.strictEqual(fateOf(wrap(sqlFault("XX000"))), "doubtful", `${at}`)
    }
  })

  it("has no end of wrappers: a cause that is its own cause is looked into eight times", () => {
    const circle = new Error("circle")
    circle.cause = circle
    assert.isUndefined(fateOf(circle))
    assert.strictEqual(fateOf(wrapInPersistence(circle)), "doubtful")
  })

  it.effect("that came over the wire inside of a PersistenceError is doubtful, or what its code says", () =>
    Effect.gen(function* () {
      const codec = Schema.toCodecJson(PersistenceError)
      const over = (fault: PersistenceError) =>
        Effect.flatMap(
          Schema.encodeEffect(codec)(fault),
          (text) => Schema.decodeUnknownEffect(codec)(JSON.parse(JSON.stringify(text)))
        )
      const refused = yield* over(wrapInPersistence(new Error("nothing is known")))
      assert.strictEqual(fateOf(refused), "doubtful")
      assert.isTrue(isTransient(yield* over(wrapInPersistence(sqlFault("25006")))))
    }))

  it("with a class of the client that knows more than its code is what its code says", () => {
    const syntax = new SqlError({ reason: new SqlSyntaxError({ cause: thrown("42P05"), message: "stale" }) })
    assert.strictEqual(fateOf(syntax), "passes")
  })
})
