/**
 * Group commit of requests, replies and rows of the journal. An idle storage writes what it is given at once; while all lanes are busy what
 * comes waits, and the next lane that is free takes all of it in one statement and one commit. There are no timers.
 */
import { Effect, Exit, type Scope } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { isTransient } from "../../database/TransientFault.ts"
import * as Batching from "../../durable/Batching.ts"
import { type Write, writeStatement, type Written } from "./WriteStatement.ts"

/** What became of one write: it was written, or what was there under its key, or neither is known. */
export type Outcome =
  | { readonly _tag: "Written"; readonly isFirst: boolean }
  | { readonly _tag: "Before"; readonly row: Written }
  | { readonly _tag: "Refused" }

export interface WriteOptions {
  /** Statements under way at one time. */
  readonly lanes: number
  /** Writes in one statement. */
  readonly most: number
  /** Is told of each write when its statement has been answered, also when its caller waits no more. */
  readonly landed: (write: Write, exit: Exit.Exit<Outcome, SqlError>) => void
}

const outcomesOf = (
  writes: ReadonlyArray<Write>,
  rows: ReadonlyArray<Written>
): ReadonlyArray<Exit.Exit<Outcome>> => {
  const written = new Map<string, boolean>()
  const before = new Map<string, Written>()
  for (const row of rows) {
    if (row.found === "written") written.set(row.id, row.is_first)
    else before.set(row.message_id!, row)
  }
  return writes.map((write) => {
    const isFirst = written.get(write.row.id)
    if (isFirst !== undefined) return Exit.succeed({ _tag: "Written", isFirst })
    const key = write.kind === "request" ? write.row.message_id : null
    const row = key === null ? undefined : before.get(key)
    return Exit.succeed(row === undefined ? { _tag: "Refused" } : { _tag: "Before", row })
  })
}

/** Writes one at a time in whichever lane is free; never within the caller's transaction. */
export const make = (
  { landed, lanes, most }: WriteOptions
): Effect.Effect<
  (write: Write) => Effect.Effect<Outcome, SqlError>,
  never,
  SqlClient.SqlClient | Scope.Scope
> =>
  Effect.gen(function* () {
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()

    const together = (writes: ReadonlyArray<Write>) =>
      Effect.map(
        Effect.suspend(() => sql.unsafe<Written>(...writeStatement(writes))),
        (rows) => outcomesOf(writes, rows)
      )

    /** A row that the database refuses must not fail its neighbours. While the database is away nobody is tried in vain. */
    const oneByOne = Effect.fnUntraced(function* (writes: ReadonlyArray<Write>) {
      const exits: Array<Exit.Exit<Outcome, SqlError>> = []
      for (const write of writes) {
        const last = exits.at(-1)
        const isAway = last !== undefined && Exit.isFailure(last) && isTransient(last.cause)
        exits.push(isAway ? last : yield* Effect.exit(Effect.flatMap(together([write]), ([only]) => only!)))
      }
      return exits
    })

    const answer = (
      writes: ReadonlyArray<Write>
    ): Effect.Effect<ReadonlyArray<Exit.Exit<Outcome, SqlError>>> =>
      together(writes).pipe(
        Effect.catch((error): Effect.Effect<ReadonlyArray<Exit.Exit<Outcome, SqlError>>> =>
          writes.length === 1 ? Effect.succeed([Exit.fail(error)]) : oneByOne(writes)
        ),
        Effect.tap((exits) => Effect.sync(() => writes.forEach((write, at) => landed(write, exits[at]!)))),
        Effect.withTracerEnabled(false)
      )

    const line = yield* Batching.make({ name: "Mailbox.write", limit: most, atOnce: lanes, answer })

    return (write) =>
      Effect.flatMap(
        // A write that was begun goes on when its caller has left: what it became is told to the memory.
        Effect.callback<ReadonlyArray<Exit.Exit<Outcome, SqlError>>>((resume) =>
          void line.put([write], resume)
        ),
        ([exit]) => exit!
      )
  })
