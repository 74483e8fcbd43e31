/**
 * How much work stands where, for the metrics: mailboxes, flows, sequences, jobs, payments, queues. One read-only
 * transaction with a time limit of its own; each statement reads what an index knows to be open.
 */
import { Clock, Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Instruments from "../telemetry/metrics/Instruments.ts"

const Count = Schema.Union([Schema.Int, Schema.NumberFromString, Schema.BigInt])
const Row = Schema.Struct({
  kind: Schema.String,
  state: Schema.String,
  count: Count,
  oldest: Schema.NullOr(Schema.Number)
})
const decode = Schema.decodeUnknownEffect(Schema.Array(Row))

const counted = (name: string, description: string, unit: Instruments.Unit, labels: ReadonlyArray<string>) =>
  Instruments.gauge(name, { description, unit, labels })

/** Where the numbers of each kind are shown; the second is the age of the oldest. */
const gauges = {
  mailbox: [
    counted(
      "guichet.mailbox.messages",
      "Stored messages that wait for their entity, by entity",
      "{message}",
      ["guichet.entity"]
    ),
    counted("guichet.mailbox.oldest.age", "Age of the oldest stored message that waits, by entity", "s", [
      "guichet.entity"
    ])
  ],
  flow: [
    counted("guichet.flows", "Flows that have not ended, by state and age", "{flow}", [
      "guichet.state",
      "guichet.age"
    ]),
    counted("guichet.flows.oldest.age", "Age of the oldest flow that has not ended, by state", "s", [
      "guichet.state"
    ])
  ],
  job: [
    counted("guichet.jobs", "Generation jobs that have not ended, by state", "{job}", ["guichet.state"]),
    counted(
      "guichet.jobs.quiet.age",
      "The longest time without news of a job that has not ended, by state",
      "s",
      ["guichet.state"]
    )
  ],
  sequence: [
    counted(
      "guichet.sequences",
      "Notification sequences and reminders that have not ended, by state",
      "{sequence}",
      ["guichet.state"]
    ),
    counted(
      "guichet.sequences.oldest.age",
      "How long the most overdue message of a sequence has been due",
      "s",
      ["guichet.state"]
    )
  ],
  payment: [
    counted("guichet.payments", "Payments that are open, failed or disputed, by state", "{payment}", [
      "guichet.state"
    ]),
    counted("guichet.payments.oldest.age", "Age of the oldest such payment, by state", "s", ["guichet.state"])
  ],
  queue: [
    counted(
      "guichet.queue.items",
      "Items that wait or are worked on in queues that are kept in SQL, by queue",
      "{item}",
      ["guichet.queue"]
    ),
    counted("guichet.queue.oldest.age", "Age of the oldest item of such a queue", "s", ["guichet.queue"])
  ]
} satisfies Readonly<Record<string, readonly [Instruments.Family<string>, Instruments.Family<string>]>>

type Kind = keyof typeof gauges

/** States that are shown as zero where there is nothing of them, so that a panel has a line and not a gap. */
const always: Readonly<Record<Kind, ReadonlyArray<readonly [string, string]>>> = {
  mailbox: ["Event", "Ticket", "TicketJob", "Payment"].map((name) => [name, ""] as const),
  flow: ["accepted", "running"].flatMap((state) =>
    ["minute", "hour", "day", "older"].map((age) => [state, age] as const)
  ),
  job: [["queued", ""], ["running", ""]],
  sequence: [["waiting", ""], ["overdue", ""]],
  payment: [["pending", ""], ["failed", ""], ["disputed", ""]],
  queue: [["tickets-high", ""], ["tickets-normal", ""], ["tickets-low", ""]]
}

/** The milliseconds of a message's id are its first 42 bits, after effect's own beginning of time (`Snowflake`). */
const mailboxes = (sql: SqlClient.SqlClient, now: number) =>
  sql`SELECT 'mailbox' AS kind, split_part(entity_type, '/', 1) AS state, count(*) AS count,
    (${now}::float8 - ((min(id) >> 22) + 1735689600000)) / 1000 AS oldest
    FROM cluster_messages WHERE processed = false AND (deliver_at IS NULL OR deliver_at <= ${now}::bigint)
    GROUP BY 2 LIMIT 100`

const flows = (sql: SqlClient.SqlClient) =>
  sql`SELECT 'flow' AS kind, status || '/' || CASE WHEN created_at > now() - interval '1 minute' THEN 'minute'
      WHEN created_at > now() - interval '1 hour' THEN 'hour'
      WHEN created_at > now() - interval '1 day' THEN 'day' ELSE 'older' END AS state, count(*) AS count,
    extract(epoch FROM now() - min(created_at))::float8 AS oldest
    FROM flows WHERE status IN ('accepted', 'running') GROUP BY 2`

const jobs = (sql: SqlClient.SqlClient) =>
  sql`SELECT 'job' AS kind, status AS state, count(*) AS count,
    extract(epoch FROM now() - min(news_at))::float8 AS oldest
    FROM ticket_jobs WHERE announced_at IS NULL AND status IN ('queued', 'running') GROUP BY 2`

const sequences = (sql: SqlClient.SqlClient) =>
  sql`SELECT 'sequence' AS kind, 'waiting' AS state, count(*) AS count, NULL::float8 AS oldest
      FROM notification_sequences WHERE status = 'running'
    UNION ALL
    SELECT 'sequence', 'overdue', count(DISTINCT n.sequence_id), extract(epoch FROM now() - min(n.scheduled_at))::float8
      FROM notification_sequences s JOIN notifications n USING (sequence_id)
      WHERE s.status = 'running' AND n.status = 'scheduled' AND n.scheduled_at < now() - interval '1 minute'`

const payments = (sql: SqlClient.SqlClient) =>
  sql`SELECT 'payment' AS kind, status AS state, count(*) AS count,
    extract(epoch FROM now() - min(created_at))::float8 AS oldest
    FROM payments WHERE status IN ('pending', 'failed', 'disputed') GROUP BY 2`

/** Tables of queues, which a service makes when it first starts: none may be there yet. */
const queueTables = ["ticket_queue", "guichet_queue"]

const queues = (sql: SqlClient.SqlClient, table: string) =>
  sql`SELECT 'queue' AS kind, queue_name AS state, count(*) AS count,
    extract(epoch FROM now() - min(created_at))::float8 AS oldest
    FROM ${sql(table)} WHERE state IN ('pending', 'processing') GROUP BY 2 LIMIT 50`

const exists = (sql: SqlClient.SqlClient, table: string) =>
  Effect.map(
    sql<{ there: boolean }>`SELECT to_regclass(${table}) IS NOT NULL AS there`,
    (rows) => rows[0]?.there === true
  )

const show = (rows: ReadonlyArray<typeof Row.Type>): void => {
  const ages = new Map<string, number>()
  const note = (kind: Kind, state: string, age: string, count: number, oldest: number) => {
    const [counts, oldests] = gauges[kind]
    counts.update(count, state, age)
    const name = `${kind}/${state}`
    ages.set(name, Math.max(ages.get(name) ?? 0, oldest))
    oldests.update(Math.max(0, ages.get(name)!), state)
  }
  const seen = new Set<string>()
  for (const { count, kind, oldest, state } of rows) {
    const [name = "", age = ""] = kind === "flow" ? state.split("/") : [state]
    seen.add(`${kind}/${name}/${age}`)
    note(kind as Kind, name, age, Number(count), oldest ?? 0)
  }
  for (
    const [kind, states] of [...Object.entries(shown)] as Array<
      [Kind, Map<string, readonly [string, string]>]
    >
  ) {
    for (const [state, age] of states.values()) {
      if (!seen.has(`${kind}/${state}/${age}`)) note(kind, state, age, 0, 0)
    }
  }
  for (const { kind, state } of rows) {
    const [name = "", age = ""] = kind === "flow" ? state.split("/") : [state]
    shown[kind as Kind].set(`${name}/${age}`, [name, age])
  }
}

/** What was shown once is shown as zero when there is no more of it. */
const shown = Object.fromEntries(
  Object.entries(always).map((
    [kind, states]
  ) => [kind, new Map(states.map((state) => [state.join("/"), state] as const))])
) as Record<Kind, Map<string, readonly [string, string]>>

/** Reads them all, and shows them. */
export const read = Effect.gen(function* () {
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  const now = yield* Clock.currentTimeMillis
  const rows = yield* sql.withTransaction(Effect.gen(function* () {
    yield* sql`SET LOCAL statement_timeout = '1500ms'`
    const standing = [
      ...((yield* exists(sql, "cluster_messages")) ? yield* mailboxes(sql, now) : []),
      ...(yield* flows(sql)),
      ...(yield* jobs(sql)),
      ...(yield* sequences(sql)),
      ...(yield* payments(sql))
    ]
    for (const table of queueTables) {
      if (yield* exists(sql, table)) standing.push(...(yield* queues(sql, table)))
    }
    return standing
  }))
  show(yield* decode(rows))
})
