/** Flow 3 over HTTP: a scan from a device, and a scan that the scan service has verified. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { ScanAnswer } from "../../gate/ScanAnswer.ts"
import { InternalScanBody, ScanBody } from "../../gate/ScanBodies.ts"
import { PrintDetails, PrintDetailsRequest } from "../../services/tickets/PrintDetails.ts"
import { AllowedServices } from "../../services/CallingService.ts"
import { ServiceAuth } from "../../services/ServiceAuth.ts"
import { Authorization } from "../Authorization.ts"
import { Idempotency } from "../Idempotency.ts"
import { NotFound, Unavailable } from "../Problems.ts"
import { ProblemMiddleware } from "../ProblemMiddleware.ts"

const language = { "accept-language": Schema.optionalKey(Schema.String) }

export class ScansGroup extends HttpApiGroup.make("scans").add(
  HttpApiEndpoint.post("validate", "/scans/validate", {
    headers: language,
    payload: ScanBody,
    success: ScanAnswer,
    error: [NotFound, Unavailable]
  }).annotateMerge(OpenApi.annotations({ summary: "Decide a scan" }))
)
  .middleware(ProblemMiddleware)
  .middleware(Idempotency)
  .middleware(Authorization)
  .annotateMerge(OpenApi.annotations({
    title: "Gate",
    description: "Flow 3: a scan is decided once; a refusal is an answer with a reason."
  })) {}

export class InternalGroup extends HttpApiGroup.make("internal").add(
  HttpApiEndpoint.post("scanValidation", "/internal/scan-validation", {
    headers: language,
    payload: InternalScanBody,
    success: ScanAnswer,
    error: Unavailable
  })
    .annotate(AllowedServices, ["scan-validation-service"])
    .annotateMerge(OpenApi.annotations({ summary: "Decide a scan that the scan service has decoded" })),
  HttpApiEndpoint.post("printDetails", "/internal/print-details", {
    payload: PrintDetailsRequest,
    success: PrintDetails
  })
    .annotate(AllowedServices, ["ticket-generator-service"])
    .annotateMerge(OpenApi.annotations({ summary: "What is printed on tickets beside the documented job" }))
)
  .middleware(ProblemMiddleware)
  .middleware(ServiceAuth)
  .annotateMerge(OpenApi.annotations({
    title: "Internal",
    description: "What the services ask of the core, signed with X-Service-Signature."
  })) {}
