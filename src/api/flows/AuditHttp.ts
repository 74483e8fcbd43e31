/** Answers who steered what. */
import { Effect } from "effect"
import { HttpApiBuilder, HttpApiSchema } from "effect/http-api"
import { AuditLog } from "../../store/flows/AuditLog.ts"
import { AuditGroup } from "./AuditApi.ts"
import { apiOf } from "../rules/CoreApi.ts"
import { nextPage, pageSize } from "../rules/NextPage.ts"
import { ownerOf } from "../rules/Visible.ts"

export const AuditHttpLayer = HttpApiBuilder.group(
  apiOf(AuditGroup),
  "audit",
  Effect.fn(function* (handlers) {
    const log = yield* AuditLog
    return handlers.handleAll({
      list: ({ query: { cursor, limit = pageSize, ...filters } }) =>
        Effect.gen(function* () {
          const page = yield* log.page({ owner: yield* ownerOf, before: cursor, limit }, filters)
          const { headers, next_cursor } = yield* nextPage("/api/audit-log", page)
          return HttpApiSchema.withHeaders({
            body: { entries: page.rows.map(({ seq: _seq, ...entry }) => entry), next_cursor },
            headers
          })
        })
    })
  })
)
