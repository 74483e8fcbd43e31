/** Ticket templates, and how each organiser dresses them: a colour and a logo of his own. */
import { Context, DateTime, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Rows from "../Rows.ts"

/** A template as one organiser's tickets have it; what is null is the design's own. */
export const StyledTemplate = Schema.Struct({
  template_id: Schema.Int,
  name: Schema.String,
  design: Schema.String,
  accent: Schema.NullOr(Schema.String),
  logo_key: Schema.NullOr(Schema.String)
})
export type StyledTemplate = typeof StyledTemplate.Type

/** A stored logo: `digest` is of its bytes. */
export interface StoredLogo {
  readonly key: string
  readonly digest: string
}

const KeyRow = Schema.Struct({ logo_key: Schema.NullOr(Schema.String) })

/** The templates are everyone's, a style is its owner's. */
export class TemplateStore extends Context.Service<TemplateStore, {
  readonly exists: (templateId: number) => Effect.Effect<boolean>
  readonly list: (owner: string) => Effect.Effect<ReadonlyArray<StyledTemplate>>
  readonly get: (owner: string, templateId: number) => Effect.Effect<Option.Option<StyledTemplate>>
  /** Null gives the design its own colour back. */
  readonly setAccent: (owner: string, templateId: number, accent: string | null) => Effect.Effect<void>
  /**
   * Names another logo, or none; the one before is spare from then on. False, and nothing is named, for a file that is
   * not spare (`SpareLogos`): it is being removed.
   */
  readonly setLogo: (owner: string, templateId: number, logo: StoredLogo | null) => Effect.Effect<boolean>
}>()("guichet/store/tickets/TemplateStore") {
  static readonly layer = Layer.effect(
    TemplateStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const list = (owner: string) =>
        Rows.all(StyledTemplate)(sql`
          SELECT t.template_id, t.name, t.design, s.accent, s.logo_key
          FROM templates t LEFT JOIN template_styles s ON s.template_id = t.template_id AND s.owner = ${owner}
          ORDER BY t.template_id`)

      const get = (owner: string, templateId: number) =>
        Rows.first(StyledTemplate)(sql`
          SELECT t.template_id, t.name, t.design, s.accent, s.logo_key
          FROM templates t LEFT JOIN template_styles s ON s.template_id = t.template_id AND s.owner = ${owner}
          WHERE t.template_id = ${templateId}::bigint`)

      /** A template is made by a migration and never removed: one that was found is there. */
      const found = new Set<number>()

      const exists = (templateId: number) =>
        Effect.suspend(() =>
          found.has(templateId) ? Effect.succeed(true) : Effect.map(get("", templateId), (template) => {
            if (Option.isSome(template)) found.add(templateId)
            return Option.isSome(template)
          })
        )

      const setAccent = (owner: string, templateId: number, accent: string | null) =>
        Rows.run(sql`
          INSERT INTO template_styles (owner, template_id, accent)
          VALUES (${owner}, ${templateId}::bigint, ${accent})
          ON CONFLICT (owner, template_id) DO UPDATE SET accent = EXCLUDED.accent, updated_at = now()`)

      const claim = (key: string) =>
        Effect.map(
          sql`DELETE FROM spare_logos WHERE file_key = ${key} AND NOT condemned RETURNING file_key`,
          (claimed) => claimed.length > 0
        )

      /** Whoever sets a logo waits here for whoever sets it at the same time: each replaces what the other left. */
      const lockedKey = Effect.fnUntraced(function* (owner: string, templateId: number) {
        yield* sql`
          INSERT INTO template_styles (owner, template_id) VALUES (${owner}, ${templateId}::bigint)
          ON CONFLICT DO NOTHING`
        const row = yield* Rows.first(KeyRow)(sql`
          SELECT logo_key FROM template_styles
          WHERE owner = ${owner} AND template_id = ${templateId}::bigint FOR UPDATE`)
        return Option.getOrNull(row)?.logo_key ?? null
      })

      const setLogo = Effect.fn("TemplateStore.setLogo")(
        function* (owner: string, templateId: number, logo: StoredLogo | null) {
          const before = yield* lockedKey(owner, templateId)
          if (logo !== null && !(yield* claim(logo.key))) return false
          const now = DateTime.toDateUtc(yield* DateTime.now)
          yield* sql`
            UPDATE template_styles SET logo_key = ${logo?.key ?? null}, logo_digest = ${logo?.digest ?? null},
              updated_at = now()
            WHERE owner = ${owner} AND template_id = ${templateId}::bigint`
          if (before !== null) {
            yield* sql`INSERT INTO spare_logos (file_key, since) VALUES (${before}, ${now}::timestamptz)`
          }
          return true
        },
        sql.withTransaction,
        Effect.orDie
      )

      return TemplateStore.of({ exists, list, get, setAccent, setLogo })
    })
  )
}
