/**
 * How services call each other: signed at every attempt, bounded, retried with care, and cut off when they
 * fail.
 */
import { Cause, type Config, Context, Duration, Effect, Exit, Layer, Option, Schedule } from "effect"
import {
  FetchHttpClient,
  HttpClient,
  HttpClientError,
  HttpClientRequest,
  HttpClientResponse
} from "effect/http"
import { CircuitBreaker } from "effect/persistence"
import { stripeSignatureHeader } from "./StripeHeader.ts"
import { signPaymentWebhook, signTicketWebhook, ticketSignatureHeader } from "./WebhookSignatures.ts"
import { boundedResponse } from "../bounds/BoundedResponse.ts"
import { trimEnd } from "../bounds/Trim.ts"
import { makeRequestId, RequestId, requestIdHeader } from "../http/RequestId.ts"
import * as HttpMetrics from "../telemetry/metrics/HttpMetrics.ts"
import * as OrchestrationLog from "../telemetry/OrchestrationLog.ts"
import * as CallPolicy from "./CallPolicy.ts"
import type { TooManyCalls } from "./CallPolicy.ts"
import { Loopback, overHandler } from "./Loopback.ts"
import { type ServiceName, type ServiceTargetName } from "./ServiceName.ts"
import { ServiceSecrets } from "./ServiceSecrets.ts"
import { serviceSignatureHeader, sign, type SignedRequest } from "./ServiceSignature.ts"
import { retryDelay } from "../durable/RetryAfter.ts"

/** `service` for service routes, the other two for the webhooks of flows 2 and 4. */
export type SignatureScheme = "service" | "payment-webhook" | "ticket-webhook"

const schemes = {
  "service": { header: serviceSignatureHeader, sign },
  "payment-webhook": { header: stripeSignatureHeader, sign: signPaymentWebhook },
  "ticket-webhook": { header: ticketSignatureHeader, sign: signTicketWebhook }
} as const

const bodyOf = (request: HttpClientRequest.HttpClientRequest) => {
  switch (request.body._tag) {
    case "Empty":
      return Effect.succeed(new Uint8Array())
    case "Uint8Array":
      return Effect.succeed(request.body.body)
    default:
      return Effect.fail(
        new HttpClientError.HttpClientError({
          reason: new HttpClientError.EncodeError({
            request,
            description: "A signed request needs a whole body."
          })
        })
      )
  }
}

/** The address of a request: base URLs end in `/api`, and contracts may say `/api` or leave it out. */
export const resolveUrl = (baseUrl: string, url: string): string => {
  const base = trimEnd(baseUrl, "/")
  const root = url.startsWith("/api/") && base.endsWith("/api") ? base.slice(0, -"/api".length) : base
  return /^https?:/.test(url) ? url : `${root}${url.startsWith("/") ? url : `/${url}`}`
}

const failed = (request: HttpClientRequest.HttpClientRequest, description: string, cause?: unknown) =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.TransportError({ request, description, cause })
  })

/** A failed attempt that another one may mend: the answer is kept, for when none does. */
class Passing {
  readonly _tag = "Passing"
  readonly response: HttpClientResponse.HttpClientResponse
  constructor(response: HttpClientResponse.HttpClientResponse) {
    this.response = response
  }
}

type Attempt =
  | HttpClientError.HttpClientError
  | CircuitBreaker.CircuitBreakerError
  | TooManyCalls
  | Cause.TimeoutError
  | Passing

const mayPass = (error: Attempt): boolean => error._tag === "Passing" || HttpClient.isTransientError(error)

const backoff = Schedule.exponential("200 millis").pipe(
  Schedule.jittered,
  Schedule.setInputType<Attempt>(),
  Schedule.modifyDelay(({ duration, input }) =>
    retryDelay(duration, input._tag === "Passing" ? input.response : undefined)
  )
)

/** OpenTelemetry's name of a client's span: the method, and the template of the path. */
const spanName = (request: HttpClientRequest.HttpClientRequest): string =>
  `${request.method} ${HttpMetrics.templateOf(pathOf(request))}`

const pathOf = (request: HttpClientRequest.HttpClientRequest): string =>
  Option.match(HttpClientRequest.toUrl(request), {
    onNone: () => request.url,
    onSome: ({ pathname }) => pathname
  })

/** The CALL line and the metric of a call, once, whatever became of it and however many attempts that took. */
const told = (
  service: ServiceName,
  request: HttpClientRequest.HttpClientRequest,
  requestId: string,
  attempts: () => number
) =>
<E extends HttpClientError.HttpClientError>(
  call: Effect.Effect<HttpClientResponse.HttpClientResponse, E>
) =>
  Effect.suspend(() => {
    const began = performance.now()
    const path = pathOf(request)
    return Effect.onExit(call, (exit) =>
      Effect.gen(function* () {
        const took = performance.now() - began
        const outcome = outcomeOf(exit)
        HttpMetrics.serviceCalled(service, request.method, path, outcome, took)
        const flowId = (yield* OrchestrationLog.currentFlow) ?? ((yield* RequestId) || requestId)
        yield* OrchestrationLog.call(flowId, service, path, took, outcome, { attempts: attempts() })
      }))
  })

/** The status of an answer, or the name of what went wrong. */
const outcomeOf = <E extends HttpClientError.HttpClientError>(
  exit: Exit.Exit<HttpClientResponse.HttpClientResponse, E>
): number | string => {
  if (Exit.isSuccess(exit)) return exit.value.status
  const error = exit.cause.reasons.find(Cause.isFailReason)?.error
  if (error === undefined) return Cause.hasInterrupts(exit.cause) ? "Interrupted" : "Defect"
  return error.reason._tag
}

/** Clients of the other services, by the name they are called and the service that calls. */
export class ServiceTransport extends Context.Service<ServiceTransport, {
  readonly client: (
    name: ServiceTargetName,
    options: { readonly as: ServiceName; readonly scheme?: SignatureScheme }
  ) => HttpClient.HttpClient
}>()("guichet/trust/ServiceTransport") {
  static readonly layer: Layer.Layer<
    ServiceTransport,
    Config.ConfigError,
    HttpClient.HttpClient | ServiceSecrets | Loopback
  > = Layer.effect(
    ServiceTransport,
    Effect.gen(function* () {
      const network = yield* HttpClient.HttpClient
      const secrets = yield* ServiceSecrets
      const loopback = yield* Loopback
      const policies = yield* CallPolicy.all

      let last = 0
      const tick = Effect.clockWith((clock) =>
        Effect.sync(() => {
          last = Math.max(last + 1, clock.currentTimeMillisUnsafe())
          return new Date(last).toISOString()
        })
      )

      const signed = Effect.fnUntraced(function* (
        request: HttpClientRequest.HttpClientRequest,
        as: ServiceName,
        scheme: SignatureScheme
      ) {
        const url = Option.map(HttpClientRequest.toUrl(request), (url) => url.pathname + url.search)
        const parts: SignedRequest = {
          method: request.method,
          url: Option.getOrElse(url, () => request.url),
          service: as,
          requestId: request.headers[requestIdHeader] ?? makeRequestId(),
          timestamp: yield* tick,
          body: yield* bodyOf(request)
        }
        return HttpClientRequest.setHeaders(request, {
          "x-service-name": as,
          [requestIdHeader]: parts.requestId,
          "x-timestamp": parts.timestamp,
          [schemes[scheme].header]: schemes[scheme].sign(secrets.signing(as), parts)
        })
      })

      const send = (name: ServiceTargetName, request: HttpClientRequest.HttpClientRequest) => {
        const handler = loopback.find(name)
        const answer = handler === undefined
          ? Effect.map(network.execute(request), boundedResponse)
          : overHandler(handler).execute(request)
        return answer.pipe(
          Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" }),
          Effect.provideService(HttpClient.SpanNameGenerator, spanName)
        )
      }

      const attempt = (
        name: ServiceTargetName,
        signedRequest: Effect.Effect<HttpClientRequest.HttpClientRequest, HttpClientError.HttpClientError>
      ) =>
        signedRequest.pipe(
          Effect.flatMap((request) => send(name, request)),
          Effect.timeout(policies[name].timeout),
          policies[name].guarded,
          policies[name].inPlace,
          Effect.flatMap((response) =>
            HttpClient.isTransientResponse(response)
              ? Effect.fail(new Passing(response))
              : Effect.succeed(response)
          )
        )

      const client = (
        name: ServiceTargetName,
        { as, scheme = "service" }: { readonly as: ServiceName; readonly scheme?: SignatureScheme }
      ): HttpClient.HttpClient => {
        const { baseUrl, retries, service, timeout } = policies[name]
        return HttpClient.makeWith<
          HttpClientError.HttpClientError,
          never,
          HttpClientError.HttpClientError,
          never
        >(
          Effect.flatMap((given) => {
            const id = given.headers[requestIdHeader] ?? makeRequestId()
            const request = given.pipe(
              HttpClientRequest.setUrl(resolveUrl(baseUrl, given.url)),
              HttpClientRequest.setHeader(requestIdHeader, id)
            )
            let sent = 0
            return Effect.suspend(() => {
              if (sent > 0) HttpMetrics.serviceRetried(service)
              return Effect.annotateSpans(attempt(name, signed(request, as, scheme)), {
                "http.request.resend_count": sent++
              })
            }).pipe(
              Effect.retry({ while: mayPass, times: retries, schedule: backoff }),
              Effect.catchTags({
                Passing: ({ response }) => Effect.succeed(response),
                TimeoutError: (error) =>
                  Effect.fail(
                    failed(request, `No answer from ${name} within ${Duration.format(timeout)}`, error)
                  ),
                CircuitBreakerError: (error) => {
                  HttpMetrics.serviceRefused(service, "open")
                  return Effect.fail(failed(request, `Calls to ${name} are paused: it kept failing`, error))
                },
                TooManyCalls: (error) =>
                  Effect.fail(failed(request, `Too many calls to ${name} wait already`, error))
              }),
              told(service, request, id, () => sent)
            )
          }),
          Effect.succeed
        )
      }

      return ServiceTransport.of({ client })
    })
  ).pipe(Layer.provide(CircuitBreaker.layerStoreMemory()))
}
