/**
 * The failures this API declares, as RFC 9457 problems; endpoints list them as errors and clients decode
 * them back.
 */
import { type Duration, Effect, Schema } from "effect"
import { HttpApiError } from "effect/http-api"
import { type ClusterFailure, isClusterFailure } from "../durable/ClusterFailure.ts"
import { problemType } from "./ProblemCatalog.ts"

/**
 * One wrong value: a JSON pointer (RFC 6901) into the body, or the parameter's place and name, and a
 * sentence.
 */
export const FieldError = Schema.Struct({
  pointer: Schema.optionalKey(Schema.String),
  in: Schema.optionalKey(Schema.Literals(["path", "query", "header"])),
  parameter: Schema.optionalKey(Schema.String),
  detail: Schema.String
})

/** The type of one entry of `errors`. */
export type FieldError = typeof FieldError.Type

/** 400: the body is not JSON, or there is none where one is needed. */
export class MalformedRequest extends HttpApiError.Problem<MalformedRequest>()("MalformedRequest", {
  type: problemType("malformed-request"),
  status: 400,
  title: "The request could not be read"
}) {}

/** 401: no token, or one that is unknown, expired or revoked; which of them is not said. */
export class Unauthenticated extends HttpApiError.Problem<Unauthenticated>()("Unauthenticated", {
  type: problemType("unauthenticated"),
  status: 401,
  title: "Who you are is not known"
}) {}

/**
 * 401 for a service: an unknown name, a bad signature, a stale timestamp and a replay all get this same
 * answer.
 */
export class ServiceRefused extends HttpApiError.Problem<ServiceRefused>()("ServiceRefused", {
  type: problemType("service-refused"),
  status: 401,
  title: "The service signature is not accepted"
}) {}

/** 403: the caller is known, and may not do this. */
export class Forbidden extends HttpApiError.Problem<Forbidden>()("Forbidden", {
  type: problemType("forbidden"),
  status: 403,
  title: "You may not do this"
}) {}

/** 404: nothing has this identifier, or it belongs to someone else; the two are not told apart. */
export class NotFound extends HttpApiError.Problem<NotFound>()("NotFound", {
  type: problemType("not-found"),
  status: 404,
  title: "Nothing is here"
}) {}

/** 409: the request is right in itself and contradicts the current state. */
export class Conflict extends HttpApiError.Problem<Conflict>()("Conflict", {
  type: problemType("conflict"),
  status: 409,
  title: "The request conflicts with the current state"
}) {}

/** 409: the first request under this Idempotency-Key is still being answered; `retry_after` is in seconds. */
export class IdempotencyKeyInUse extends HttpApiError.Problem<IdempotencyKeyInUse>()("IdempotencyKeyInUse", {
  type: problemType("idempotency-key-in-use"),
  status: 409,
  title: "The same request is still being answered"
}, { retry_after: Schema.Int }) {}

/** 415: the body is of a kind that this address does not take. */
export class UnsupportedMediaType
  extends HttpApiError.Problem<UnsupportedMediaType>()("UnsupportedMediaType", {
    type: problemType("unsupported-media-type"),
    status: 415,
    title: "This kind of body is not understood"
  }) {}

/** 422: this Idempotency-Key was used for a different request. */
export class IdempotencyKeyReused
  extends HttpApiError.Problem<IdempotencyKeyReused>()("IdempotencyKeyReused", {
    type: problemType("idempotency-key-reused"),
    status: 422,
    title: "This Idempotency-Key belongs to another request"
  }) {}

/** 422: every field that is wrong, each with its pointer and a sentence. */
export class InvalidRequest extends HttpApiError.Problem<InvalidRequest>()("InvalidRequest", {
  type: problemType("invalid-request"),
  status: 422,
  title: "The request is not valid"
}, { errors: Schema.Array(FieldError) }) {
  /** One wrong field of the body, by its JSON pointer. */
  static at(pointer: string, detail: string): InvalidRequest {
    return new InvalidRequest({ detail, errors: [{ pointer, detail }] })
  }
}

/** 429: over a limit; `retry_after` is in seconds and becomes the Retry-After header. */
export class TooManyRequests extends HttpApiError.Problem<TooManyRequests>()("TooManyRequests", {
  type: problemType("too-many-requests"),
  status: 429,
  title: "Too many requests"
}, { retry_after: Schema.Int }) {}

/** 503: true for a moment; `retry_after` is in seconds and becomes the Retry-After header. */
export class Unavailable extends HttpApiError.Problem<Unavailable>()("Unavailable", {
  type: problemType("unavailable"),
  status: 503,
  title: "The service cannot answer now"
}, { retry_after: Schema.Int }) {}

/** Whoever owns the resource cannot answer now. */
export const busy = (seconds: number): Unavailable =>
  new Unavailable({
    detail: "The part of the system that owns this resource is busy or moving; send the request again.",
    retry_after: seconds
  })

/**
 * Bounds a call to an entity and turns the cluster's own failures into 503 with Retry-After; the entity's
 * errors pass.
 */
export const fromCluster = <A, E, R>(
  call: Effect.Effect<A, E, R>,
  options?: { readonly timeout?: Duration.Input; readonly retryAfter?: number }
): Effect.Effect<A, Exclude<E, ClusterFailure> | Unavailable, R> =>
  call.pipe(
    Effect.timeout(options?.timeout ?? "15 seconds"),
    Effect.catch((failure): Effect.Effect<never, Exclude<E, ClusterFailure> | Unavailable> =>
      isClusterFailure(failure)
        ? Effect.andThen(
          Effect.logWarning("The cluster could not answer", { reason: failure._tag }),
          Effect.fail(busy(options?.retryAfter ?? 2))
        )
        : Effect.fail(failure as Exclude<E, ClusterFailure>)
    )
  )
