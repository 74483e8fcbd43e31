/** What operators see of a flow and do to it. */
import { Schema } from "effect"
import { FlowId } from "./values/Ids.ts"
import { Instant } from "./values/Values.ts"

/** What an entry of a timeline is of. */
export const TimelineSource = Schema.Literals([
  "flow",
  "step",
  "job",
  "payment",
  "invoice",
  "messages",
  "operator"
])
export type TimelineSource = typeof TimelineSource.Type

/** One thing that happened: `subject` is the id or the name of what it happened to, `what` says it in a word. */
export const TimelineEntry = Schema.Struct({
  at: Instant,
  source: TimelineSource,
  subject: Schema.String,
  what: Schema.String,
  detail: Schema.NullOr(Schema.Json)
})

/** Oldest first, 1,000 entries at most; `truncated` says that there are more. */
export const Timeline = Schema.Struct({
  flow_id: FlowId,
  entries: Schema.Array(TimelineEntry),
  truncated: Schema.Boolean
})
export type Timeline = typeof Timeline.Type

/** What may be done and is noted of whoever did it. */
export const AuditAction = Schema.Literals(["flow.cancel"])
export type AuditAction = typeof AuditAction.Type

/** Who did what, to what, when; `actor` is a token's id, or `command line`. */
export const AuditEntry = Schema.Struct({
  at: Instant,
  actor: Schema.String,
  role: Schema.String,
  organizer: Schema.String,
  action: AuditAction,
  subject: Schema.String
})
