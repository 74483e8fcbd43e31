/** The journal in the database: how steps ended, and which activation of an execution is the last one. */
import { Effect, Option, Schema } from "effect"
import type { EntityAddress, Reply } from "effect/cluster"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { createHash } from "node:crypto"
import { waitOut } from "../../durable/Retry.ts"
import { replyOf } from "../mailbox/MailboxRows.ts"
import { JournalMail } from "../mailbox/MailboxStorage.ts"
import { journalRow, writeStatement } from "../mailbox/WriteStatement.ts"
import { activityId, ActivityPayload, executionOf, exitTextOfReply } from "./EngineSeams.ts"

/** What was told to a workflow before its activation began. */
export interface Told {
  /** A snowflake. */
  readonly requestId: string
  readonly reply: Reply.Encoded | undefined
}

/** What is stored of an execution when an activation begins. */
export interface Stored {
  /** Larger than that of every activation before. */
  readonly epoch: number
  /** How steps ended, as JSON, by their keys. */
  readonly steps: Map<string, string>
  /** By the name of the deferred. */
  readonly told: Map<string, Told>
}

/** Of an execution that nobody has had before. */
export const nothing = (): Stored => ({ epoch: 0, steps: new Map(), told: new Map() })

/** Longer keys do not fit into an index. */
const longestName = 500

/** The key of an activity's attempt. */
export const keyOf = ({ attempt, name }: Pick<ActivityPayload, "name" | "attempt">): string =>
  name.length <= longestName && name.isWellFormed() && !name.includes("\0")
    ? activityId({ name, attempt })
    : `#${createHash("sha256").update(JSON.stringify(name)).digest("hex")}/${attempt}`

interface Row {
  readonly kind: "epoch" | "step" | "activity" | "deferred"
  readonly id: string
  readonly body: string | null
  readonly reply_id: string | null
  readonly reply: string | null
}

/** Takes the next epoch, and reads what there is: of the journal, and what Effect's engine alone left in the mailboxes. */
const load = `
  WITH owner AS (
    INSERT INTO workflow_epochs AS e (execution, epoch) VALUES ($1, 1)
    ON CONFLICT (execution) DO UPDATE SET epoch = e.epoch + 1
    RETURNING epoch
  )
  SELECT 'epoch' AS kind, epoch::text AS id, NULL AS body, NULL AS reply_id, NULL AS reply FROM owner
  UNION ALL
  SELECT 'step', key, exit, NULL, NULL FROM workflow_journal WHERE execution = $1
  UNION ALL
  SELECT m.tag, m.request_id::text, m.payload, r.id::text, r.payload
  FROM cluster_messages m LEFT JOIN cluster_replies r ON r.request_id = m.request_id AND r.kind = 0
  WHERE m.entity_id = $2 AND m.entity_type = $3 AND m.tag IN ('activity', 'deferred') AND m.kind = 0`

/** Of a row that was refused: what is there, unless a later activation has begun. */
const first = `
  SELECT exit FROM workflow_journal
  WHERE execution = $1 AND key = $2
    AND coalesce((SELECT epoch FROM workflow_epochs WHERE execution = $1), 0) <= $3::int`

const Name = Schema.Struct({ name: Schema.String })

/** What nobody can read is left out: it was never an activity's end, and what is told with it is answered as poison. */
const payloadOf = Schema.decodeUnknownOption(Schema.fromJsonString(ActivityPayload))
const nameOf = Schema.decodeUnknownOption(Schema.fromJsonString(Name))
const jsonOf = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

/** An activity that ended, of Effect's engine alone. */
const endedOf = ({ body, reply }: Row): readonly [key: string, exit: string] | undefined => {
  const payload = payloadOf(body)
  const exit = Option.flatMap(jsonOf(reply), (json) => Option.fromNullishOr(exitTextOfReply(json)))
  return Option.isSome(payload) && Option.isSome(exit) ? [keyOf(payload.value), exit.value] : undefined
}

const toldOf = ({ id, reply, reply_id }: Row): Told => ({
  requestId: id,
  reply: reply === null
    ? undefined
    : replyOf({ id: reply_id!, request_id: id, kind: 0, payload: reply, sequence: null })
})

const storedOf = (rows: ReadonlyArray<Row>): Stored => {
  const of = (kind: Row["kind"]) => rows.filter((row) => row.kind === kind)
  return {
    epoch: Number(of("epoch")[0]!.id),
    steps: new Map([
      ...of("activity").flatMap((row) => {
        const ended = endedOf(row)
        return ended === undefined ? [] : [ended]
      }),
      ...of("step").map(({ body, id }) => [id, body!] as const)
    ]),
    told: new Map(
      of("deferred").flatMap((row) =>
        Option.toArray(Option.map(nameOf(row.body), ({ name }) => [name, toldOf(row)] as const))
      )
    )
  }
}

/** A row that is to be written, under the epoch of its activation. */
export interface Step {
  readonly execution: string
  readonly key: string
  readonly epoch: number
  readonly exit: string
}

export interface JournalStore {
  /** Whether nobody can have had the execution before, so that there is nothing to load. True once. */
  readonly begins: (address: EntityAddress.EntityAddress) => boolean
  /** Begins an activation, the last one from now on; what passes is waited out. */
  readonly load: (address: EntityAddress.EntityAddress) => Effect.Effect<Stored>
  /**
   * What the journal has under the key from now on: this exit, or the first one. Nothing when a later activation has begun,
   * which is then the one that goes on. What passes is waited out: a commit that was not answered is found.
   */
  readonly record: (step: Step) => Effect.Effect<string | undefined>
  /** The same within the caller's transaction: false when it must not commit. */
  readonly recordInside: (step: Step) => Effect.Effect<boolean, SqlError>
  /** What the journal has under the key; nothing when a later activation has begun. */
  readonly find: (step: Omit<Step, "exit">) => Effect.Effect<string | undefined>
}

const patiently = waitOut("1 second")

export const make: Effect.Effect<JournalStore, never, JournalMail | SqlClient.SqlClient> = Effect.gen(
  function* () {
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()
    const { begins, write } = yield* JournalMail

    const find: JournalStore["find"] = ({ epoch, execution, key }) =>
      sql.unsafe<{ exit: string }>(first, [execution, key, epoch]).pipe(
        patiently,
        Effect.orDie,
        Effect.map(([row]) => row?.exit)
      )

    return {
      begins,

      load: (address) =>
        sql.unsafe<Row>(load, [executionOf(address), address.entityId, address.entityType]).pipe(
          patiently,
          Effect.orDie,
          Effect.map(storedOf),
          Effect.withTracerEnabled(false)
        ),

      record: (step) =>
        patiently(write(journalRow(step))).pipe(
          Effect.orDie,
          Effect.flatMap((isWritten) => isWritten ? Effect.succeed(step.exit) : find(step)),
          Effect.withTracerEnabled(false)
        ),

      recordInside: (step) =>
        Effect.suspend(() => sql.unsafe(...writeStatement([{ kind: "journal", row: journalRow(step) }])))
          .pipe(
            Effect.map((rows) => rows.length > 0)
          ),

      find
    }
  }
)
