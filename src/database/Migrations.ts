/** The schema's history: what is applied at an embedded start and by `guichet migrate`, and the check at every other. */
import { Effect, Schema } from "effect"
import { Migrator, SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"

const table = "guichet_migrations"

/** Every migration, each import written out so that bundlers and `deno compile` see it. */
export const loader = Migrator.fromGlob({
  "0001_core.ts": () => import("../../migrations/0001-0010/0001_core.ts"),
  "0002_gate.ts": () => import("../../migrations/0001-0010/0002_gate.ts"),
  "0003_admission.ts": () => import("../../migrations/0001-0010/0003_admission.ts"),
  "0004_jobs.ts": () => import("../../migrations/0001-0010/0004_jobs.ts"),
  "0005_print.ts": () => import("../../migrations/0001-0010/0005_print.ts"),
  "0006_in_place.ts": () => import("../../migrations/0001-0010/0006_in_place.ts"),
  "0007_editions.ts": () => import("../../migrations/0001-0010/0007_editions.ts"),
  "0008_spare_logos.ts": () => import("../../migrations/0001-0010/0008_spare_logos.ts"),
  "0009_gate_version.ts": () => import("../../migrations/0001-0010/0009_gate_version.ts"),
  "0010_feeds_closed.ts": () => import("../../migrations/0001-0010/0010_feeds_closed.ts"),
  "0011_ticket_scans.ts": () => import("../../migrations/0011-0020/0011_ticket_scans.ts"),
  "0012_lists.ts": () => import("../../migrations/0011-0020/0012_lists.ts"),
  "0013_sequences_of_guests.ts": () => import("../../migrations/0011-0020/0013_sequences_of_guests.ts"),
  "0014_reminders.ts": () => import("../../migrations/0011-0020/0014_reminders.ts"),
  "0015_token_list.ts": () => import("../../migrations/0011-0020/0015_token_list.ts"),
  "0016_invoices_without_a_book.ts": () =>
    import("../../migrations/0011-0020/0016_invoices_without_a_book.ts"),
  "0017_event_numbers.ts": () => import("../../migrations/0011-0020/0017_event_numbers.ts"),
  "0018_shard_owners.ts": () => import("../../migrations/0011-0020/0018_shard_owners.ts"),
  "0023_payment_facts.ts": () => import("../../migrations/0021-0030/0023_payment_facts.ts"),
  "0024_workflow_journal.ts": () => import("../../migrations/0021-0030/0024_workflow_journal.ts"),
  "0025_invoice_book_time.ts": () => import("../../migrations/0021-0030/0025_invoice_book_time.ts"),
  "0027_let_in.ts": () => import("../../migrations/0021-0030/0027_let_in.ts"),
  "0029_delivery.ts": () => import("../../migrations/0021-0030/0029_delivery.ts"),
  "0030_steering.ts": () => import("../../migrations/0021-0030/0030_steering.ts"),
  "0031_refunds_and_cancellations.ts": () =>
    import("../../migrations/0031-0040/0031_refunds_and_cancellations.ts")
})

/** The database's schema is not the one this version was written for; `message` says what to do. */
export class SchemaMismatch extends Schema.TaggedError<SchemaMismatch>()("SchemaMismatch", {
  message: Schema.String,
  applied: Schema.Int,
  expected: Schema.Int
}) {}

const migrate = Migrator.make({})

/** Applies what is pending and answers it. A second process waits for the first, then finds nothing to do. */
export const run: Effect.Effect<
  ReadonlyArray<readonly [id: number, name: string]>,
  Migrator.MigrationError | SqlError,
  SqlClient.SqlClient
> = migrate({ loader, table })

const Applied = Schema.Tuple([Schema.Struct({ latest: Schema.Int })])

const latestApplied = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const tables = yield* sql`SELECT 1 WHERE to_regclass(${table}) IS NOT NULL`
  if (tables.length === 0) return 0
  const rows = yield* sql`SELECT coalesce(max(migration_id), 0)::int AS latest FROM ${sql(table)}`
  const [{ latest }] = yield* Effect.orDie(Schema.decodeUnknownEffect(Applied)(rows))
  return latest
})

/** Fails unless the database has exactly this version's migrations. */
export const check: Effect.Effect<
  void,
  SchemaMismatch | Migrator.MigrationError | SqlError,
  SqlClient.SqlClient
> = Effect.gen(function* () {
  const expected = (yield* loader).at(-1)?.[0] ?? 0
  const applied = yield* latestApplied
  if (applied === expected) return
  return yield* new SchemaMismatch({
    applied,
    expected,
    message: applied < expected
      ? `The database schema is at migration ${applied}, this version needs ${expected}: run "guichet migrate".`
      : `The database schema is at migration ${applied}, newer than the ${expected} this version knows: ` +
        `run the version of Guichet whose "guichet migrate" made it.`
  })
})
