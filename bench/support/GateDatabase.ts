/** Databases of the gate's bench: how they are filled, and whether every accepted scan is stored exactly once. */
import { Effect, type Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import * as Path from "node:path"
import process from "node:process"
import { administer, urlOf } from "../../test/support/TestDatabase.ts"
import * as Database from "../../src/database/Database.ts"
import { codeSql } from "./GateTickets.ts"

/** Runs statements in turn over a connection of its own and answers the rows of the last. */
export type Sql = (statements: ReadonlyArray<string>) => Promise<ReadonlyArray<unknown>>

const sqlOn = <E>(layer: Layer.Layer<SqlClient.SqlClient, E>): Sql => (statements) =>
  Effect.runPromise(
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      let rows: ReadonlyArray<unknown> = []
      for (const statement of statements) rows = yield* sql.unsafe(statement)
      return rows
    }).pipe(Effect.provide(layer))
  )

/** On a PostgreSQL server. */
export const sqlAt = (url: string): Sql =>
  sqlOn(Database.layerPostgres({ url: Redacted.make(url), maxConnections: 1 }))

/** On the embedded database of a server that is not running. */
export const sqlEmbedded = (directory: string): Sql =>
  sqlOn(Database.layerEmbedded({ dataDir: Path.join(directory, "data") }))

/** A new, empty database, dropped when it is disposed of. */
export const freshDatabase = async (
  adminUrl: string,
  name: string
): Promise<AsyncDisposable & { readonly url: string }> => {
  const database = `guichet_bench_${process.pid}_${name}`
  await Effect.runPromise(administer(adminUrl, `CREATE DATABASE ${database} TEMPLATE template0`))
  return {
    url: urlOf(adminUrl, database),
    [Symbol.asyncDispose]: async () => {
      await Effect.runPromise(administer(adminUrl, `DROP DATABASE ${database} WITH (FORCE)`))
    }
  }
}

/**
 * Active events, from event 1 on, with so many free tickets each; then what a few quiet hours do to a database.
 * Foreign keys and triggers are off in this session: half of the time would be theirs.
 */
export const seed = (events: ReadonlyArray<number>): ReadonlyArray<string> => {
  const sizes = events.map((tickets, at) => `(${at + 1}::bigint, ${tickets}::int)`).join(", ")
  const numbered = `(VALUES ${sizes}) AS e (event_id, tickets) CROSS JOIN generate_series(1, e.tickets) AS n`
  return [
    `SET session_replication_role = replica`,
    `INSERT INTO event_numbers (event_id, owner, number)
      SELECT event_id, 'bench', event_id FROM (VALUES ${sizes}) AS e (event_id, tickets)`,
    `INSERT INTO events (event_id, owner, title, starts_at, timezone, location, max_attendees, status)
      SELECT event_id, 'bench', 'Bench', now(), 'Europe/Paris', 'Paris', tickets, 'active'
      FROM (VALUES ${sizes}) AS e (event_id, tickets)`,
    `INSERT INTO gates_occupancy (event_id) SELECT event_id FROM events`,
    `INSERT INTO guests (event_id, guest_id, name, email, ticket_type, locale)
      SELECT event_id, n, 'Jean Dupont', 'guest' || n || '@example.com', 'standard', 'fr' FROM ${numbered}`,
    `INSERT INTO tickets (event_id, guest_id, code, ticket_type, template_id)
      SELECT event_id, n, ${codeSql("event_id", "n")}, 'standard', 1 FROM ${numbered}`,
    `VACUUM ANALYZE`,
    `CHECKPOINT`
  ]
}

const stored = `
  (SELECT count(*) FROM scans)::int AS scans,
  (SELECT count(*) FROM scans WHERE result = 'valid')::int AS valid,
  (SELECT count(DISTINCT ticket_id) FROM scans)::int AS tickets_scanned,
  (SELECT count(*) FROM tickets WHERE status = 'admitted')::int AS tickets_admitted`

/** What must each be the number of accepted scans, in any of the databases. */
export const countStored = `SELECT ${stored}`

/** The same for ours, which also counts who is inside and names the scan that let a ticket in. */
export const countStoredByGuichet = `SELECT ${stored},
  (SELECT sum(inside) FROM gates_occupancy)::int AS inside,
  (SELECT sum(entered) FROM gates_occupancy)::int AS entered,
  (SELECT count(*) FROM tickets t JOIN scans s ON s.event_id = t.event_id AND s.scan_id = t.first_scan_id
    AND s.ticket_id = t.ticket_id)::int AS first_scans`

/** Fails unless every count is the number of accepted scans. */
export const checkStored = async (
  name: string,
  sql: Sql,
  statement: string,
  accepted: number
): Promise<void> => {
  const [row] = await sql([statement])
  const wrong = Object.values(row as Record<string, number>).some((count) => count !== accepted)
  if (wrong) throw new Error(`${name}: ${accepted} scans were accepted, stored are ${JSON.stringify(row)}`)
}
