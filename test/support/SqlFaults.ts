/** Faults of the database on demand: a trigger raises an error of PostgreSQL, a few times or until the scope closes. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Where the fault strikes, and how often; `when` is a condition on `NEW`. */
export interface Fault {
  readonly on: "INSERT" | "UPDATE"
  readonly table: string
  readonly when?: string
  readonly times?: number
}

let made = 0

const statements = (name: string, code: string, { on, table, times, when = "true" }: Fault) => [
  `CREATE SEQUENCE ${name}`,
  // A sequence is not rolled back with the statement that the fault ends: it counts.
  `CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
     IF nextval('${name}') <= ${times ?? Number.MAX_SAFE_INTEGER} THEN
       RAISE EXCEPTION 'provoked' USING ERRCODE = '${code}';
     END IF;
     RETURN NEW;
   END $$`,
  `CREATE TRIGGER ${name} BEFORE ${on} ON ${table} FOR EACH ROW WHEN (${when}) EXECUTE FUNCTION ${name}()`
]

/** Answers how often the trigger was met, which is once more than it raised when it has let something through. */
const provoke = (code: string) =>
  Effect.fnUntraced(function* (fault: Fault) {
    const sql = yield* SqlClient.SqlClient
    const name = `provoked_${++made}`
    const run = (texts: ReadonlyArray<string>) =>
      Effect.orDie(Effect.forEach(texts, (text) => sql.unsafe(text), { discard: true }))
    yield* Effect.acquireRelease(
      run(statements(name, code, fault)),
      () => run([`DROP FUNCTION ${name} CASCADE`, `DROP SEQUENCE ${name}`])
    )
    return sql.unsafe<{ met: number }>(
      `SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS met FROM ${name}`
    ).pipe(Effect.map(([row]) => row!.met), Effect.orDie)
  })

/** A serialization failure: whoever meets it may try again. Once, unless told. */
export const passing = (fault: Fault) => provoke("40001")({ times: 1, ...fault })

/** A deadlock that the database ended: whoever meets it may try again. Once, unless told. */
export const deadlocked = (fault: Fault) => provoke("40P01")({ times: 1, ...fault })

/** A server that is shutting down ends the connection: whoever meets it may try again later. */
export const leaving = provoke("57P01")

/** A violated check: it stays what it is, however often it is tried. */
export const lasting = provoke("23514")
