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
import {
  canonical,
  freshInstant,
  matches,
  serviceSignatureHeader,
  signaturesOf,
  type SignedRequest
} from "./ServiceSignature.ts"

const refused = new ServiceRefused({
  detail: "Sign the request as a known service, with the time of now, and never send the same one twice."
})

const isServiceName = Schema.is(ServiceName)

/** The signed parts of the request being answered, raw bytes included; 401 when a header is absent. */
export const signedRequest = Effect.gen(function* () {
  const request = yield* HttpServerRequest.HttpServerRequest
  const service = request.headers["x-service-name"] ?? ""
  const requestId = request.headers[requestIdHeader] ?? ""
  const timestamp = request.headers["x-timestamp"] ?? ""
  if (service === "" || requestId === "" || timestamp === "") return yield* refused
  const body = new Uint8Array(yield* Effect.orDie(request.arrayBuffer))
  return {
    method: request.method,
    url: request.originalUrl,
    service,
    requestId,
    timestamp,
    body
  } satisfies SignedRequest
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
  const request = yield* signedRequest
  const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
  const text = canonical(request)
  const name = isServiceName(request.service) ? request.service : undefined
  const accepted = secrets.accepted(name ?? "event-planner-core")
  const signed = matches(text, accepted, signaturesOf(headers[header] ?? ""))
  if (name === undefined || !signed || Option.isNone(freshInstant(request.timestamp, now))) {
    return yield* refused
  }
  return { name, digest: createHash("sha256").update(text).digest("hex") }
})

/** Add it to service groups after `ProblemMiddleware`, and annotate them with `AllowedServices`. */
export class ServiceAuth extends HttpApiMiddleware.Service<ServiceAuth, { provides: CallingService }>()(
  "guichet/trust/ServiceAuth",
  { error: [ServiceRefused, Forbidden] }
) {
  /**
   * The digest kept against replays is of the signed text: dropping one of two signatures does not make it
   * new.
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
        if (!(yield* requests.accept(name, digest))) return yield* refused
        return yield* Effect.provideService(answer, CallingService, { name })
      }))
    })
  )
}
