/**
 * Files that are swept after a time: documents of many tickets, and logos that no style names, not yet or not any more. A file is spare before it is stored, and stops being
 * so in the transaction that names it (`TemplateStore.setLogo`): whatever crashes, a file is named or will be swept.
 */
import { Context, DateTime, type Duration, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Rows from "../Rows.ts"

const KeyRow = Schema.Struct({ file_key: Schema.String })

/** A key is named once in its life: it is never spare twice before it was named, and never named again after it. */
export class SpareLogos extends Context.Service<SpareLogos, {
  /** Before the file is stored. */
  readonly reserve: (key: string) => Effect.Effect<void>
  /** The same for a file that is stored again under its key and is never named: it is kept as long anew. */
  readonly renew: (key: string) => Effect.Effect<void>
  /** So many files at most that have been spare for longer, none of which can be named from now on. */
  readonly condemn: (
    longerThan: Duration.Duration,
    atMost: number
  ) => Effect.Effect<ReadonlyArray<string>>
  /** After its file is gone. */
  readonly forget: (key: string) => Effect.Effect<void>
}>()("guichet/store/tickets/SpareLogos") {
  static readonly layer: Layer.Layer<SpareLogos, never, SqlClient.SqlClient> = Layer.effect(
    SpareLogos,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const reserve = Effect.fn("SpareLogos.reserve")(function* (key: string) {
        const now = DateTime.toDateUtc(yield* DateTime.now)
        yield* Rows.run(sql`INSERT INTO spare_logos (file_key, since) VALUES (${key}, ${now}::timestamptz)`)
      })

      const renew = Effect.fn("SpareLogos.renew")(function* (key: string) {
        const now = DateTime.toDateUtc(yield* DateTime.now)
        yield* Rows.run(sql`
          INSERT INTO spare_logos (file_key, since) VALUES (${key}, ${now}::timestamptz)
          ON CONFLICT (file_key) DO UPDATE SET since = EXCLUDED.since, condemned = false`)
      })

      const condemn = Effect.fn("SpareLogos.condemn")(
        function* (longerThan: Duration.Duration, atMost: number) {
          const before = DateTime.toDateUtc(DateTime.subtractDuration(yield* DateTime.now, longerThan))
          const rows = yield* Rows.all(KeyRow)(sql`
            UPDATE spare_logos SET condemned = true
            WHERE file_key IN (
              SELECT file_key FROM spare_logos WHERE since < ${before}::timestamptz
              ORDER BY since LIMIT ${atMost}::int FOR UPDATE SKIP LOCKED)
            RETURNING file_key`)
          return rows.map(({ file_key }) => file_key)
        }
      )

      const forget = (key: string) => Rows.run(sql`DELETE FROM spare_logos WHERE file_key = ${key}`)

      return SpareLogos.of({ reserve, renew, condemn, forget })
    })
  )
}
