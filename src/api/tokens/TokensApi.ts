/** Tokens over HTTP: a steward's is made and revoked while the gate is open. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { EventNumber } from "../../../rpc/values/Ids.ts"
import { Instant, Label, storable } from "../../../rpc/values/Values.ts"
import { TokenFilters } from "../../store/TokenRows.ts"
import { Authorization } from "../rules/Authorization.ts"
import { isGranted, Role } from "../../../rpc/values/Caller.ts"
import { idempotencyKeyHeader } from "../rules/Idempotency.ts"
import { PageQuery } from "../rules/NextPage.ts"
import { Conflict, Forbidden, InvalidRequest, NotFound } from "../../http/Problems.ts"
import { ProblemMiddleware, strictParsing } from "../../http/ProblemMiddleware.ts"
import { Link } from "../../http/Shapes.ts"

const limits = <S extends Schema.Codec<unknown, unknown>>(item: S) =>
  Schema.optionalKey(Schema.Array(item).check(Schema.isMinLength(1), Schema.isMaxLength(1_000)))

/**
 * `events` and `gates` limit an operator, whose `organizer` is the organisation it works for: it may be left out where
 * one alone can be meant. Without `expires_at` a token lives until it is revoked.
 */
export const TokenBody = Schema.Struct({
  role: Role,
  subject: Label,
  organizer: Schema.optionalKey(Label),
  events: limits(EventNumber),
  gates: limits(Label),
  expires_at: Schema.optionalKey(Instant)
}).check(
  Schema.makeFilter((body: { readonly role: Role; readonly [limit: string]: unknown }) =>
    isGranted(body.role) ? [] : [
      ...["events", "gates"].filter((limit) => body[limit] !== undefined)
        .map((limit) => ({ path: [limit], issue: "Limits operators: leave it out for this role" })),
      ...(body["organizer"] === undefined || body["organizer"] === body["subject"]
        ? []
        : [{ path: ["organizer"], issue: "Expected the subject: another organiser is for operators alone" }])
    ]
  )
)

/**
 * A token, never its text; null events or gates are all of its organiser's. `unreached_scans` counts its scans of events
 * that it does not reach.
 */
export const TokenView = Schema.Struct({
  token_id: Schema.String,
  role: Role,
  subject: Schema.String,
  organizer: Schema.String,
  events: Schema.NullOr(Schema.Array(EventNumber)),
  gates: Schema.NullOr(Schema.Array(Schema.String)),
  unreached_scans: Schema.Int,
  unreached_at: Schema.NullOr(Instant),
  created_at: Instant,
  expires_at: Schema.NullOr(Instant),
  revoked_at: Schema.NullOr(Instant)
})

/** The one answer that has the token's text. */
export const TokenMade = Schema.Struct({ ...TokenView.fields, token: Schema.String })

/** Newest first; `next_cursor` is null on the last page. */
export const TokensPage = Schema.Struct({
  tokens: Schema.Array(TokenView),
  next_cursor: Schema.NullOr(Schema.String)
})

/** 1 to 255 visible ASCII characters, as everywhere. */
const IdempotencyKeyText = Schema.String.check(
  Schema.isPattern(/^[\x21-\x7e]{1,255}$/, { message: "Send 1 to 255 visible ASCII characters." })
)

export class TokensGroup extends HttpApiGroup.make("tokens").add(
  HttpApiEndpoint.post("create", "/tokens", {
    headers: { [idempotencyKeyHeader]: Schema.optionalKey(IdempotencyKeyText) },
    payload: TokenBody,
    success: TokenMade.pipe(HttpApiSchema.status(201)),
    error: [Forbidden, Conflict, InvalidRequest]
  }).annotateMerge(OpenApi.annotations({
    summary: "Make a token",
    description:
      "`token` is shown in this answer and kept nowhere, so under an Idempotency-Key a repeat is 409 and names the " +
      "token that was made: revoke it if its text was lost, and send a new key."
  })),
  HttpApiEndpoint.get("list", "/tokens", {
    query: { ...PageQuery, ...TokenFilters },
    success: HttpApiSchema.WithHeaders(TokensPage, Link),
    error: [Forbidden, InvalidRequest]
  }).annotateMerge(OpenApi.annotations({
    summary: "The tokens, newest first, in pages",
    description: "Revoked and expired ones too; never their text."
  })),
  HttpApiEndpoint.delete("revoke", "/tokens/:token_id", {
    params: { token_id: storable(100) },
    success: TokenView,
    error: [Forbidden, NotFound]
  }).annotateMerge(OpenApi.annotations({
    summary: "Revoke a token",
    description:
      "At once for requests to the process that answers, within five seconds everywhere else. A token that was revoked " +
      "before keeps its `revoked_at`."
  }))
)
  .middleware(ProblemMiddleware)
  .middleware(Authorization)
  .annotateMerge(strictParsing)
  .annotateMerge(OpenApi.annotations({
    title: "Tokens",
    description: "What clients and stewards send as `Authorization: Bearer`; for admins alone."
  })) {}
