/** Ticket templates. */
import { Context, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Rows from "./Rows.ts"

const Row = Schema.Struct({ template_id: Schema.Int, name: Schema.String, design: Schema.String })

export class TemplateStore extends Context.Service<TemplateStore, {
  readonly exists: (templateId: number) => Effect.Effect<boolean>
}>()("guichet/store/TemplateStore") {
  static readonly layer = Layer.effect(
    TemplateStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      return {
        exists: (templateId) =>
          Rows.first(Row)(sql`
            SELECT template_id, name, design FROM templates WHERE template_id = ${templateId}::bigint`).pipe(
            Effect.map(Option.isSome)
          )
      }
    })
  )
}
