/** Who steered what, over HTTP. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { AuditEntry } from "../../../rpc/Steering.ts"
import { AuditFilters } from "../../store/flows/AuditLog.ts"
import { Authorization } from "../rules/Authorization.ts"
import { PageQuery } from "../rules/NextPage.ts"
import { Forbidden, InvalidRequest } from "../../http/Problems.ts"
import { ProblemMiddleware, strictParsing } from "../../http/ProblemMiddleware.ts"
import { Link } from "../../http/Shapes.ts"

/** Newest first; `next_cursor` is null on the last page. */
export const AuditPage = Schema.Struct({
  entries: Schema.Array(AuditEntry),
  next_cursor: Schema.NullOr(Schema.String)
})

export class AuditGroup extends HttpApiGroup.make("audit").add(
  HttpApiEndpoint.get("list", "/audit-log", {
    query: { ...PageQuery, ...AuditFilters },
    success: HttpApiSchema.WithHeaders(AuditPage, Link),
    error: [Forbidden, InvalidRequest]
  }).annotateMerge(OpenApi.annotations({
    summary: "Who steered what is yours, newest first, in pages",
    description: "An admin sees everybody's. `actor` is the id of a token, or `command line`."
  }))
)
  .middleware(ProblemMiddleware)
  .middleware(Authorization)
  .annotateMerge(strictParsing)
  .annotateMerge(OpenApi.annotations({
    title: "Audit log",
    description: "Each action of an operator is noted in the statement that does it."
  })) {}
