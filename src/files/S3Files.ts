/** Files as objects of an S3-compatible bucket: each attempt signed, bounded, and tried again when that may help. */
import { Duration, Effect, Schedule } from "effect"
import { HttpBody, HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import { retryDelay } from "../durable/RetryAfter.ts"
import { contentTypeOf } from "../../rpc/values/FileKey.ts"
import { checkKey, checkPuts, FileStoreError, type StoredFile } from "./FileStoreError.ts"
import { type Refusal, refusalOf } from "./S3Answer.ts"
import { objectUrl, type S3Bucket } from "./S3Bucket.ts"
import * as S3Signer from "./S3Signer.ts"

/** An attempt, its body included, takes no longer; three more follow it at most. */
const attemptTimeout = Duration.seconds(10)
const retries = 3

/** Files of one `putAll` under way. */
const together = 8

/** No whole answer came: the connection failed, time ran out, or what came is not what was stored. */
class Lost {
  readonly _tag = "Lost"
  readonly detail: string
  readonly cause: unknown
  constructor(detail: string, cause?: unknown) {
    this.detail = detail
    this.cause = cause
  }
}

const backoff = Schedule.exponential("100 millis").pipe(
  Schedule.jittered,
  Schedule.setInputType<Refusal | Lost>(),
  Schedule.modifyDelay(({ duration, input }) =>
    retryDelay(duration, input._tag === "Refusal" ? input.response : undefined)
  )
)

const digestHeader = "x-amz-meta-sha256"

const explain = (key: string) => (error: Refusal | Lost) =>
  new FileStoreError(
    error._tag === "Refusal" && error.missing ? { reason: "not_found", key } : {
      reason: "unavailable",
      key,
      detail: error.detail,
      ...(error._tag === "Lost" && error.cause !== undefined ? { cause: error.cause } : {})
    }
  )

/** The bytes of an answer; what was stored with its digest comes back with the same, or not at all. */
const read = Effect.fnUntraced(function* (bucket: S3Bucket, response: HttpClientResponse.HttpClientResponse) {
  if (response.status < 200 || response.status >= 300) {
    return yield* Effect.fail(yield* refusalOf(bucket, response))
  }
  const bytes = new Uint8Array(yield* response.arrayBuffer)
  const digest = response.headers[digestHeader]
  return response.request.method !== "GET" || digest === undefined || digest === S3Signer.sha256(bytes)
    ? bytes
    : yield* Effect.fail(new Lost("What the object store sent is not what was stored."))
})

/** A file store in the bucket. */
export const make = Effect.fn("FileStore.layerS3")(function* (bucket: S3Bucket) {
  const client = yield* HttpClient.HttpClient
  const sign = yield* S3Signer.make(bucket)

  const attempt = (request: HttpClientRequest.HttpClientRequest, url: URL) =>
    sign(request, url).pipe(
      Effect.flatMap(client.execute),
      Effect.flatMap((response) => read(bucket, response)),
      Effect.timeout(attemptTimeout),
      Effect.catchTags({
        HttpClientError: ({ reason }) =>
          Effect.fail(new Lost("The object store does not answer: see FILES_S3_ENDPOINT.", reason.cause)),
        TimeoutError: () =>
          Effect.fail(new Lost(`The object store gave no answer in ${Duration.format(attemptTimeout)}.`))
      })
    )

  const ask = (
    method: "GET" | "HEAD" | "PUT" | "DELETE",
    key: string,
    file?: { readonly bytes: Uint8Array; readonly contentType: string }
  ) => {
    const url = objectUrl(bucket, key)
    const digest = S3Signer.sha256(file?.bytes ?? new Uint8Array())
    const plain = HttpClientRequest.make(method)(url, { headers: { "x-amz-content-sha256": digest } })
    const request = file === undefined ? plain : plain.pipe(
      HttpClientRequest.setHeader(digestHeader, digest),
      HttpClientRequest.setBody(HttpBody.uint8Array(file.bytes, file.contentType))
    )
    let sent = 0
    return Effect.suspend(() =>
      Effect.annotateSpans(attempt(request, url), { "http.request.resend_count": sent++ })
    ).pipe(
      Effect.retry({
        while: (error) => error._tag === "Lost" || error.transient,
        times: retries,
        schedule: backoff
      }),
      Effect.mapError(explain(key)),
      Effect.provideService(HttpClient.TracerPropagationEnabled, false)
    )
  }

  const isMissing = (error: FileStoreError) => error.reason === "not_found"

  const putAll = Effect.fn("FileStore.putAll")(function* (files: ReadonlyArray<StoredFile>) {
    yield* checkPuts(files)
    yield* Effect.forEach(files, (file) => ask("PUT", file.key, file), {
      concurrency: together,
      discard: true
    })
  })

  const put = (key: string, bytes: Uint8Array, contentType: string) => putAll([{ key, bytes, contentType }])

  const get = Effect.fn("FileStore.get")(function* (key: string) {
    yield* checkKey(key)
    return { key, bytes: yield* ask("GET", key), contentType: contentTypeOf(key) }
  })

  const exists = Effect.fn("FileStore.exists")(function* (key: string) {
    yield* checkKey(key)
    return yield* ask("HEAD", key).pipe(
      Effect.as(true),
      Effect.catchIf(isMissing, () => Effect.succeed(false))
    )
  })

  const remove = Effect.fn("FileStore.remove")(function* (key: string) {
    yield* checkKey(key)
    yield* Effect.catchIf(ask("DELETE", key), isMissing, () => Effect.void)
  })

  return { put, putAll, get, exists, remove }
})
