/** Lets only signed requests of services in, each once, and only to the routes that name them. */
import { Context, Effect, Layer, Option, Schema } from "effect"
import { HttpServerRequest } from "effect/http"
import { HttpApiMiddleware } from "effect/http-api"
import { createHash } from "node:crypto"
import { Forbidden, ServiceRefused } from "../http/Problems.ts"
import { requestIdHeader } from "../http/RequestId.ts"
import { ServiceRequestStore } from "./ServiceRequestStore.ts"
import { AllowedServices, CallingService } from "./CallingService.ts"
import { ServiceName } from "./ServiceName.ts"
import { ServiceSecrets } from "./ServiceSecrets.ts"
import { canonical, freshInstant, matches, serviceSignatureHeader, signaturesOf } from "./ServiceSignature.ts"
import * as OwnRequests from "./OwnRequests.ts"
import * as UnprovedBodies from "./UnprovedBodies.ts"

const refused = new ServiceRefused({
  detail: "Sign the request as a known service, with the time of now, and never send the same one twice."
})

const isServiceName = Schema.is(ServiceName)

/** Whether a header holds at least one whole signature, right or wrong. */
const hasSignature = (header: string): boolean => signaturesOf(header).some(({ length }) => length > 0)

/**
 * The signed parts of the request being answered, raw bytes included. What its headers alone show to be wrong is refused
 * before its body is read: 401, whatever it is.
 */
export const signedRequest = Effect.fnUntraced(function* (header: string) {
  const request = yield* HttpServerRequest.HttpServerRequest
  const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
  const service = request.headers["x-service-name"] ?? ""
  const requestId = request.headers[requestIdHeader] ?? ""
  const timestamp = request.headers["x-timestamp"] ?? ""
  const instant = freshInstant(timestamp, now)
  const signed = hasSignature(request.headers[header] ?? "")
  if (!isServiceName(service) || requestId === "" || Option.isNone(instant) || !signed) return yield* refused
  const body = yield* UnprovedBodies.read(request)
  return { method: request.method, url: request.originalUrl, service, requestId, timestamp, body, now }
})

/**
 * Verifies a canonical signature in the named header and gives the sender and what it signed; 401 whatever
 * is wrong.
 */
export const verifySigned = Effect.fn("ServiceAuth.verify")(function* (
  secrets: ServiceSecrets["Service"],
  header: string
) {
  const { headers } = yield* HttpServerRequest.HttpServerRequest
  const request = yield* signedRequest(header)
  const text = canonical(request)
  if (!matches(text, secrets.accepted(request.service), signaturesOf(headers[header] ?? ""))) {
    return yield* refused
  }
  return { name: request.service, digest: createHash("sha256").update(text).digest("hex") }
})

/** Add it to service groups after `ProblemMiddleware`, and annotate them with `AllowedServices`. */
export class ServiceAuth extends HttpApiMiddleware.Service<ServiceAuth, { provides: CallingService }>()(
  "guichet/trust/ServiceAuth",
  { error: [ServiceRefused, Forbidden] }
) {
  /**
   * The digest kept against replays is of the signed text: dropping one of two signatures does not make it
   * new. Of a request that never left this process nobody has a copy, and none is kept.
   */
  static readonly layer: Layer.Layer<ServiceAuth, never, ServiceSecrets | ServiceRequestStore> = Layer.effect(
    ServiceAuth,
    Effect.gen(function* () {
      const secrets = yield* ServiceSecrets
      const requests = yield* ServiceRequestStore
      return ServiceAuth.of(Effect.fnUntraced(function* (answer, { endpoint, group }) {
        const { digest, name } = yield* verifySigned(secrets, serviceSignatureHeader)
        const annotations = Context.merge(group.annotations, endpoint.annotations)
        const allowed: ReadonlyArray<ServiceName> = Context.getOrUndefined(annotations, AllowedServices) ?? []
        if (!allowed.includes(name)) {
          return yield* new Forbidden({ detail: `The service ${name} does not call this route.` })
        }
        const own = OwnRequests.isOwn(yield* HttpServerRequest.HttpServerRequest)
        if (!own && !(yield* requests.accept(name, digest))) return yield* refused
        return yield* Effect.provideService(answer, CallingService, { name })
      }))
    })
  )
}
