/** Tokens as they are asked for, made, listed and found; never their text but once. */
import { DateTime, Redacted, Schema } from "effect"
import { Caller, Role } from "../../rpc/values/Caller.ts"
import { EventNumber } from "../../rpc/values/Ids.ts"
import { Label } from "../../rpc/values/Values.ts"
import * as Rows from "./Rows.ts"

/**
 * What a new token allows; without `expiresAt` it lives until it is revoked. `owner` is the organisation it works for:
 * its subject for an organiser or an admin, and for an operator the one that can be meant where it is not named.
 */
export interface NewToken {
  readonly role: Role
  readonly subject: string
  readonly owner?: string | undefined
  /** The organisation of an operator while none is here: the oldest admin's, or its own, unless this says another. */
  readonly unnamed?: string | undefined
  readonly events?: ReadonlyArray<EventNumber> | undefined
  readonly gates?: ReadonlyArray<string> | undefined
  readonly expiresAt?: DateTime.Utc | undefined
}

const row = {
  token_id: Schema.String,
  role: Role,
  subject: Schema.String,
  owner: Schema.String,
  gates: Schema.NullOr(Schema.Array(Schema.String))
}

export const CallerRow = Schema.Struct({ ...row, events: Schema.NullOr(Caller.fields.events.schema) })

/** A token as it is listed: never the token itself. */
export const TokenRow = Schema.Struct({
  ...row,
  events: Schema.NullOr(Schema.Array(EventNumber)),
  unreached_scans: Schema.Int,
  unreached_at: Rows.AtOrNull,
  seq: Schema.Int,
  created_at: Rows.At,
  expires_at: Rows.AtOrNull,
  revoked_at: Rows.AtOrNull
})

/** What the list of tokens may be filtered by. */
export const TokenFilters = {
  role: Schema.optionalKey(Role),
  subject: Schema.optionalKey(Label)
}
export type TokenFilters = Schema.Struct<typeof TokenFilters>["Type"]

/** Several organisations are here, and an operator's token says for none of them that it is meant. */
export class OrganizerNeeded extends Schema.TaggedError<OrganizerNeeded>()("OrganizerNeeded", {
  organizers: Schema.Array(Schema.String)
}) {}

/** A new token: its row, and its text, which nothing keeps. */
export type MadeToken = typeof TokenRow.Type & { readonly token: Redacted.Redacted }

/** An event of a token's list beside its number; a list without events is not the absence of one. */
const listed = (aggregate: string, empty: string) =>
  `CASE WHEN tokens.events IS NOT NULL THEN coalesce((SELECT ${aggregate} FROM unnest(tokens.events)
    WITH ORDINALITY AS listed (id, position) JOIN event_numbers n ON n.event_id = listed.id), ${empty}) END AS events`

export const columns = Object.keys(TokenRow.fields).map((column) =>
  column === "events" ? listed("array_agg(n.number ORDER BY listed.position)", "'{}'") : column
).join(", ")

export const callerColumns = Object.keys(CallerRow.fields).map((column) =>
  column === "events"
    ? listed(
      "jsonb_agg(jsonb_build_object('id', n.event_id, 'number', n.number) ORDER BY listed.position)",
      "'[]'"
    )
    : column
).join(", ")

export const OwnerRow = Schema.Struct({ owner: Schema.String })

export const decodeCallers = Schema.decodeUnknownEffect(Schema.Array(CallerRow))
