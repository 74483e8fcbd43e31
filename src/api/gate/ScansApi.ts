/** Flow 3 over HTTP: a scan from a device, and its annulment; a scan that the scan service has verified. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiError, HttpApiGroup, OpenApi } from "effect/http-api"
import { Annulment, AnnulRefusal } from "../../../rpc/Event.ts"
import { EventNumber } from "../../../rpc/values/Ids.ts"
import { Label } from "../../../rpc/values/Values.ts"
import { ScanAnswer } from "../../gate/ScanAnswer.ts"
import { InternalScanBody, ScanBody, ScanId } from "../../gate/ScanBodies.ts"
import { PrintDetails, PrintDetailsRequest } from "../../../rpc/PrintDetails.ts"
import { AllowedServices } from "../../trust/CallingService.ts"
import { ServiceAuth } from "../../trust/ServiceAuth.ts"
import { LimitedAs } from "../../limits/LimitClasses.ts"
import { Authorization } from "../rules/Authorization.ts"
import { Idempotency } from "../rules/Idempotency.ts"
import { Forbidden, NotFound, Unavailable } from "../../http/Problems.ts"
import { problemType } from "../../http/ProblemCatalog.ts"
import { ProblemMiddleware } from "../../http/ProblemMiddleware.ts"
import { betweenServices, signedBy } from "../rules/SignedDocs.ts"

/** The device that made the scan says that nobody passed; a scan id names a scan of this event alone. */
export const AnnulBody = Schema.Struct({
  event_id: EventNumber,
  scanner_id: Label,
  operator_id: Schema.optionalKey(Schema.NullOr(Label)),
  reason: Schema.optionalKey(Schema.NullOr(Label))
})

/** What an annulled scan leaves, under the number that was asked for. */
export const Annulled = Schema.Struct({ ...Annulment.fields, event_id: EventNumber })

/** 409: the scan stays as it is, with the reason. */
export class AnnulProblem extends HttpApiError.Problem<AnnulProblem>()("AnnulProblem", {
  type: problemType("annul-refused"),
  status: 409,
  title: "The scan stays as it is"
}, { scan_id: Schema.String, reason: AnnulRefusal }) {}

/** 404: no scan of this event has this id. */
export class ScanUnknownProblem extends HttpApiError.Problem<ScanUnknownProblem>()("ScanUnknownProblem", {
  type: problemType("scan-not-found"),
  status: 404,
  title: "No such scan is known"
}, { scan_id: Schema.String }) {}

const language = { "accept-language": Schema.optionalKey(Schema.String) }

export class ScansGroup extends HttpApiGroup.make("scans").add(
  HttpApiEndpoint.post("validate", "/scans/validate", {
    headers: language,
    payload: ScanBody,
    success: ScanAnswer,
    error: [NotFound, Unavailable]
  }).annotate(LimitedAs, "scans").annotateMerge(OpenApi.annotations({ summary: "Decide a scan" })),
  HttpApiEndpoint.post("annul", "/scans/:scan_id/annul", {
    params: { scan_id: ScanId },
    headers: language,
    payload: AnnulBody,
    success: Annulled,
    error: [AnnulProblem, ScanUnknownProblem, Forbidden, NotFound, Unavailable]
  }).annotate(LimitedAs, "scans").annotateMerge(
    OpenApi.annotations({ summary: "Take back a scan whose turnstile did not turn, within 15 minutes" })
  )
)
  .middleware(ProblemMiddleware)
  .middleware(Idempotency)
  .middleware(Authorization)
  .annotateMerge(OpenApi.annotations({
    title: "Gate",
    description:
      "Flow 3: a scan is decided once; a refusal is an answer with a reason. Sent again under its `scan_id` by the same " +
      "`scanner_id`, it gets the same verdict; the id of another ticket's, another device's or an opposite scan is " +
      "refused as `scan_id_reused`."
  })) {}

export class InternalGroup extends HttpApiGroup.make("internal").add(
  HttpApiEndpoint.post("scanValidation", "/internal/scan-validation", {
    headers: language,
    payload: InternalScanBody,
    success: ScanAnswer,
    error: Unavailable
  })
    .annotate(AllowedServices, ["scan-validation-service"])
    .annotateMerge(OpenApi.annotations({
      summary: "Decide a scan that the scan service has decoded",
      description: "For `scan-validation-service` alone."
    })),
  HttpApiEndpoint.post("printDetails", "/internal/print-details", {
    payload: PrintDetailsRequest,
    success: PrintDetails
  })
    .annotate(AllowedServices, ["ticket-generator-service"])
    .annotateMerge(OpenApi.annotations({
      summary: "What is printed on tickets beside the documented job",
      description: "For `ticket-generator-service` alone."
    }))
)
  .middleware(ProblemMiddleware)
  .middleware(ServiceAuth)
  .annotateEndpointsMerge(signedBy("serviceSignature"))
  .annotateMerge(OpenApi.annotations({ title: "Internal", description: betweenServices })) {}
