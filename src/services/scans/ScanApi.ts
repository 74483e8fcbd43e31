/** The contract of the scan service (port 3005): QR text in, the gate's verdict out. */
import { Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { EventNumber } from "../../../rpc/values/Ids.ts"
import { Direction } from "../../../rpc/Scan.ts"
import { Instant, Label, limited } from "../../../rpc/values/Values.ts"
import { ScanAnswer } from "../../gate/ScanAnswer.ts"
import { ScanId, ScanLocation, shownFields, showsSomething } from "../../gate/ScanBodies.ts"
import { parsing, ProblemMiddleware } from "../../http/ProblemMiddleware.ts"
import { Unavailable } from "../../http/Problems.ts"
import { AllowedServices } from "../../trust/CallingService.ts"
import { ServiceAuth } from "../../trust/ServiceAuth.ts"

/** What a scanner read, in either field or in both, and where; any text that a body may hold may stand in `qr_data`. */
export const VerifyRequest = Schema.Struct({
  ticket_code: shownFields.ticket_code,
  qr_data: Schema.optionalKey(Schema.NullOr(limited(65_536))),
  event_id: EventNumber,
  scanner_id: Label,
  operator_id: Label,
  location: ScanLocation,
  checkpoint_id: Schema.optionalKey(Schema.NullOr(Label)),
  direction: Schema.optionalKey(Schema.NullOr(Direction)),
  timestamp: Schema.optionalKey(Schema.NullOr(Instant))
}).check(showsSomething)
export type VerifyRequest = typeof VerifyRequest.Type

/** `X-Request-ID` is the scan's id: sent again with it, a scan gets its verdict again. */
export class ScansGroup extends HttpApiGroup.make("scans").add(
  HttpApiEndpoint.post("verify", "/scans/verify", {
    headers: { "x-request-id": ScanId, "accept-language": Schema.optionalKey(Schema.String) },
    payload: VerifyRequest,
    success: ScanAnswer,
    error: Unavailable
  })
).middleware(ProblemMiddleware).middleware(ServiceAuth).annotate(AllowedServices, ["event-planner-core"]) {}

/** The scan service under its prefix. */
export class ScanApi extends HttpApi.make("scan-validation-service")
  .add(ScansGroup)
  .prefix("/api")
  .annotateMerge(parsing) {}
