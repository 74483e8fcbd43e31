/** Ticket templates, and how each organiser dresses them: a colour and a logo of his own. */
import { Context, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Rows from "./Rows.ts"

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
  /** Answers the key of the logo that was there before. */
  readonly setLogo: (
    owner: string,
    templateId: number,
    logo: StoredLogo | null
  ) => Effect.Effect<Option.Option<string>>
}>()("guichet/store/TemplateStore") {
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

      const exists = (templateId: number) => Effect.map(get("", templateId), Option.isSome)

      const setAccent = (owner: string, templateId: number, accent: string | null) =>
        Rows.run(sql`
          INSERT INTO template_styles (owner, template_id, accent)
          VALUES (${owner}, ${templateId}::bigint, ${accent})
          ON CONFLICT (owner, template_id) DO UPDATE SET accent = EXCLUDED.accent, updated_at = now()`)

      const setLogo: TemplateStore["Service"]["setLogo"] = (owner, templateId, logo) =>
        Rows.first(KeyRow)(sql`
          WITH before AS (
            SELECT logo_key FROM template_styles
            WHERE owner = ${owner} AND template_id = ${templateId}::bigint FOR UPDATE
          ), after AS (
            INSERT INTO template_styles (owner, template_id, logo_key, logo_digest)
            VALUES (${owner}, ${templateId}::bigint, ${logo?.key ?? null}, ${logo?.digest ?? null})
            ON CONFLICT (owner, template_id) DO UPDATE SET logo_key = EXCLUDED.logo_key,
              logo_digest = EXCLUDED.logo_digest, updated_at = now()
          )
          SELECT logo_key FROM before`).pipe(
          Effect.map(Option.flatMap(({ logo_key }) => Option.fromNullOr(logo_key)))
        )

      return TemplateStore.of({ exists, list, get, setAccent, setLogo })
    })
  )
}
