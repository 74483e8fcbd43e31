/** Answers for tokens: an admin makes, lists and revokes them. */
import { DateTime, Effect, Option, Redacted } from "effect"
import { HttpApiBuilder, HttpApiSchema } from "effect/http-api"
import { randomId, TokenStore } from "../../store/TokenStore.ts"
import type { TokenRow } from "../../store/TokenRows.ts"
import { TokensGroup } from "./TokensApi.ts"
import { apiOf } from "../rules/CoreApi.ts"
import { requireRole } from "../rules/CurrentCaller.ts"
import { IdempotencyKey, idempotencyKeyHeader } from "../rules/Idempotency.ts"
import { nextPage, pageSize } from "../rules/NextPage.ts"
import { noStore } from "../../http/NoStore.ts"
import { Conflict, InvalidRequest } from "../../http/Problems.ts"
import { resourceId } from "../rules/ResourceId.ts"
import { missing } from "../rules/Visible.ts"
import { isGranted } from "../../../rpc/values/Caller.ts"
import type { TokenBody } from "./TokensApi.ts"

const inFuture = Effect.fnUntraced(function* ({ expires_at: end }: typeof TokenBody.Type) {
  if (end === undefined || DateTime.isGreaterThan(end, yield* DateTime.now)) return
  return yield* InvalidRequest.at("/expires_at", "Expected a moment that is still to come.")
})

const viewOf = ({ owner: organizer, ...row }: typeof TokenRow.Type) => ({ ...row, organizer })

const organizerNeeded = (organizers: ReadonlyArray<string>) =>
  InvalidRequest.at(
    "/organizer",
    `Name the organiser that the operator works for, one of: ${organizers.join(", ")}.`
  )

/** Named by caller and key: an answer with a secret is not kept, so that a repeat is refused instead of answered again. */
const idOf = (caller: string, key: string | undefined) =>
  resourceId("tok", undefined, () => randomId).pipe(
    Effect.provideService(
      IdempotencyKey,
      Option.map(Option.fromUndefinedOr(key), (key) => ({ caller, key }))
    )
  )

export const TokensHttpLayer = HttpApiBuilder.group(
  apiOf(TokensGroup),
  "tokens",
  Effect.fn(function* (handlers) {
    const tokens = yield* TokenStore
    return handlers.handleAll({
      create: ({ headers, payload }) =>
        noStore(Effect.gen(function* () {
          const caller = yield* requireRole("admin")
          yield* inFuture(payload)
          const { expires_at: expiresAt, organizer, subject, ...rest } = payload
          const tokenId = yield* idOf(caller.tokenId, headers[idempotencyKeyHeader])
          const named = organizer?.trim() ?? (caller.sees === "own" ? caller.owner : undefined)
          const made = yield* tokens.createOnce(tokenId, {
            ...rest,
            subject: subject.trim(),
            owner: isGranted(payload.role) ? named : undefined,
            unnamed: caller.subject,
            expiresAt
          }).pipe(
            Effect.catchTag("OrganizerNeeded", ({ organizers }) => Effect.fail(organizerNeeded(organizers)))
          )
          if (Option.isSome(made)) return { ...viewOf(made.value), token: Redacted.value(made.value.token) }
          return yield* new Conflict({
            detail:
              `The token ${tokenId} was made under this Idempotency-Key, and its text is shown once: revoke it if ` +
              "that was lost, and send a new key."
          })
        })),
      list: ({ query: { cursor, limit = pageSize, ...filters } }) =>
        noStore(Effect.gen(function* () {
          yield* requireRole("admin")
          const page = yield* tokens.page({ owner: undefined, before: cursor, limit }, filters)
          const { headers, next_cursor } = yield* nextPage("/api/tokens", page)
          return HttpApiSchema.withHeaders({ body: { tokens: page.rows.map(viewOf), next_cursor }, headers })
        })),
      revoke: ({ params }) =>
        Effect.gen(function* () {
          yield* requireRole("admin")
          const revoked = yield* tokens.revoke(params.token_id)
          return Option.isSome(revoked) ? viewOf(revoked.value) : yield* missing("token")
        })
    })
  })
)
