/** What an object store's refusals mean, in words an operator can act on. */
import { Clock, DateTime, Duration, Effect } from "effect"
import type { HttpClientResponse } from "effect/http"
import type { S3Bucket } from "./S3Bucket.ts"

/** An answer that is no success: the object is `missing`, or the fault is `transient` and another attempt may fare better, or neither. */
export class Refusal {
  readonly _tag = "Refusal"
  readonly detail: string
  readonly missing: boolean
  readonly transient: boolean
  readonly response: HttpClientResponse.HttpClientResponse
  constructor(fields: Omit<Refusal, "_tag">) {
    this.detail = fields.detail
    this.missing = fields.missing
    this.transient = fields.transient
    this.response = fields.response
  }
}

/** Stores refuse requests signed more than 15 minutes from their own time. */
const tolerated = Duration.toMillis("15 minutes")

const transientCodes = new Set(["RequestTimeout", "OperationAborted", "SlowDown", "InternalError"])

const skewOf = (response: HttpClientResponse.HttpClientResponse, now: number): number => {
  const theirs = Date.parse(response.headers["date"] ?? "")
  return Number.isNaN(theirs) ? 0 : now - theirs
}

const wordsFor = (
  bucket: S3Bucket,
  { headers, status }: HttpClientResponse.HttpClientResponse,
  code: string | undefined
): string => {
  const said = code === undefined ? `${status}` : `${status} ${code}`
  if (code === "NoSuchBucket") {
    return `The object store has no bucket ${bucket.bucket} (${said}): see FILES_S3_BUCKET.`
  }
  if (status === 403) {
    return `The object store refused our key (${said}): see FILES_S3_ACCESS_KEY_ID, FILES_S3_SECRET_ACCESS_KEY ` +
      "and what the key may do: get, put, delete and list."
  }
  if ((status >= 300 && status < 400) || code === "AuthorizationHeaderMalformed") {
    const region = headers["x-amz-bucket-region"]
    return `The bucket is elsewhere (${said}${region === undefined ? "" : `, in ${region}`}): ` +
      "see FILES_S3_ENDPOINT and FILES_S3_REGION."
  }
  return `The object store answered ${said}.`
}

/** Reads a refusal: its code, what it means, whether it is transient. */
export const refusalOf = Effect.fnUntraced(
  function* (bucket: S3Bucket, response: HttpClientResponse.HttpClientResponse) {
    const text = yield* Effect.orElseSucceed(response.text, () => "")
    const code = /<Code>([A-Za-z0-9]{1,64})<\/Code>/.exec(text.slice(0, 4_096))?.[1]
    const now = yield* Clock.currentTimeMillis
    const skew = skewOf(response, now)
    const skewed = response.status === 403 &&
      (code === "RequestTimeTooSkewed" || Math.abs(skew) > tolerated)
    const { status } = response
    return new Refusal({
      response,
      missing: status === 404 && code !== "NoSuchBucket" && response.request.method !== "PUT",
      detail: skewed
        ? `The object store refuses the time of this machine, ${
          DateTime.formatIso(DateTime.makeUnsafe(now))
        }, ` +
          `which is ${Math.round(Math.abs(skew) / 60_000)} minutes ${
            skew < 0 ? "behind" : "ahead of"
          } its own: ` +
          "set the clock."
        : wordsFor(bucket, response, code),
      transient: status >= 500 || status === 429 || status === 408 ||
        (code !== undefined && transientCodes.has(code))
    })
  }
)
