/** Gates without a network: what a device takes along, and what it uploads when it is back. */
import { Schema, Struct } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { EventNumber } from "../../../rpc/values/Ids.ts"
import { Verdict } from "../../../rpc/Scan.ts"
import { paced } from "../../../rpc/values/Paced.ts"
import { Label } from "../../../rpc/values/Values.ts"
import { OfflineBundle } from "../../gate/offline/OfflineBundle.ts"
import { Conflict } from "../../gate/offline/OfflineConflicts.ts"
import { OfflineCursor } from "../../gate/offline/OfflineCursor.ts"
import { OfflineUpload } from "../../gate/offline/OfflineUpload.ts"
import { LimitedAs } from "../../limits/LimitClasses.ts"
import { Authorization } from "../rules/Authorization.ts"
import { Idempotency } from "../rules/Idempotency.ts"
import { Forbidden, InvalidRequest, NotFound, Unavailable } from "../../http/Problems.ts"
import { ProblemMiddleware } from "../../http/ProblemMiddleware.ts"

/**
 * Tickets on a page of the bundle, at most and unless `limit` says otherwise: the usual page takes the embedded
 * database, which does one thing at a time, some tens of milliseconds.
 */
export const pageLimit = { most: 20_000, usual: 5_000 }

/** A verdict as a device keeps it: nobody's name. */
export const UploadVerdict = Schema.Struct(
  Struct.omit(Verdict.fields, ["event_id", "guest_first_name", "timezone"])
)

/** The verdicts in the order of the upload; `summary` counts them by result. */
export const UploadAnswer = Schema.Struct({
  event_id: EventNumber,
  verdicts: Schema.Array(paced(UploadVerdict)),
  conflicts: Schema.Array(Conflict),
  summary: Schema.Record(Schema.String, Schema.Int)
})

const bundleText = `
Everything a device needs to decide alone at one gate: the event, its doors and rules, the published keys that verify a
QR, and every ticket as a digest in the group of its state. No name, no code: a code has 80 random bits, so a digest
does not give it back.

Ask without \`cursor\` first, then at once with the \`cursor\` of each answer while \`more\` is true, later with the last one
whenever there is a network: only what changed comes. \`full\`: forget the digests held so far. A digest's group in a
later page replaces the one before; the same digest may come again. A cursor of another database begins anew.

Without a network: refuse when the event is not \`active\` or the doors are shut; refuse as \`forged\` a QR that no
published key verifies; find the digest of its code. None: \`unknown_ticket\`. \`voided\`, \`unpaid\`: refused. \`inside\`:
\`already_used\`. \`left\`: \`valid\` with \`reentry\`, \`already_used\` otherwise. \`unused\`: \`valid\` while \`inside\`, with the
device's own entries and exits since, is below \`max_attendees\`. Whoever leaves may leave. Move the digest to \`inside\` or
\`left\`, keep the scan under an id of the device's own, and upload it later.`

const uploadText = `
Scans that a device decided alone, with the times of its clock and what it decided (\`result\`: \`valid\`, or why it let
nobody pass). They are decided in the order in which they happened, and answered in the order of the upload, each
once: the same upload again gets the same answer, and the id of another device's scan \`scan_id_reused\`. A clock that
is ahead counts as now. What a device refused lets nobody in afterwards: \`refused_offline\` when the ticket was good.

\`conflicts\` names the entries that should not have been: \`double_entry\` with both gates and times, whichever came
first; \`over_capacity\`; \`not_admissible\` with the reason. They happened all the same: \`let_in\` in the verdict says that
the ticket is used and the person counted, beside \`max_attendees\`. History is not rewritten: the entry that was stored
first counts.`

export class OfflineGroup extends HttpApiGroup.make("offline").add(
  HttpApiEndpoint.get("bundle", "/events/:event_id/offline-bundle", {
    params: { event_id: EventNumber },
    query: {
      gate: Label,
      cursor: Schema.optionalKey(OfflineCursor),
      limit: Schema.optionalKey(
        Schema.FiniteFromString.check(
          Schema.isInt(),
          Schema.isBetween({ minimum: 1, maximum: pageLimit.most })
        )
      )
    },
    success: OfflineBundle,
    error: [Forbidden, InvalidRequest, NotFound]
  }).annotate(LimitedAs, "uploads").annotateMerge(OpenApi.annotations({
    summary: "What a device needs to decide alone, in pages",
    description: bundleText.trim()
  })),
  HttpApiEndpoint.post("upload", "/scans/batch", {
    headers: { "accept-language": Schema.optionalKey(Schema.String) },
    payload: OfflineUpload,
    success: UploadAnswer,
    error: [NotFound, Unavailable]
  }).annotate(LimitedAs, "uploads").annotateMerge(OpenApi.annotations({
    summary: "Upload what a device decided alone",
    description: uploadText.trim()
  }))
)
  .middleware(ProblemMiddleware)
  .middleware(Idempotency)
  .middleware(Authorization)
  .annotateMerge(OpenApi.annotations({
    title: "Offline gate",
    description:
      "Gates without a network: a bundle to take along, an upload afterwards, and what went wrong between."
  })) {}
