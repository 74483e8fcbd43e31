/**
 * Signs the requests to an object store (AWS Signature Version 4), with AWS's own library and the runtime's
 * digests. The library is loaded when a bucket is configured.
 */
import { DateTime, Effect, Redacted } from "effect"
import { HttpClientRequest } from "effect/http"
import { createHash, createHmac } from "node:crypto"
import type { S3Bucket } from "./S3Bucket.ts"

type Source = string | ArrayBuffer | ArrayBufferView

const bytesOf = (source: Source): string | Uint8Array =>
  typeof source === "string"
    ? source
    : ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source)

class Sha256 {
  private readonly hash
  constructor(secret?: Source) {
    this.hash = secret === undefined ? createHash("sha256") : createHmac("sha256", bytesOf(secret))
  }
  update(data: Source): void {
    this.hash.update(bytesOf(data))
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.hash.digest())
  }
}

/** The digest of a body, as `x-amz-content-sha256` says it. */
export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/** The client that sends the request counts its bytes itself. */
const unsignableHeaders = new Set(["content-length"])

/** Signs every header of a request, the digest of its body among them, with the time of the clock. */
export const make = Effect.fnUntraced(function* ({ accessKeyId, region, secretAccessKey }: S3Bucket) {
  const { SignatureV4 } = yield* Effect.promise(() => import("@smithy/signature-v4"))
  const signer = new SignatureV4({
    service: "s3",
    region,
    credentials: {
      accessKeyId: Redacted.value(accessKeyId),
      secretAccessKey: Redacted.value(secretAccessKey)
    },
    sha256: Sha256,
    uriEscapePath: false,
    applyChecksum: false
  })
  return Effect.fnUntraced(function* (request: HttpClientRequest.HttpClientRequest, url: URL) {
    const signingDate = DateTime.toDateUtc(yield* DateTime.now)
    const { headers } = yield* Effect.promise(() =>
      signer.sign({
        method: request.method,
        protocol: url.protocol,
        hostname: url.hostname,
        path: url.pathname,
        headers: { ...request.headers, host: url.host }
      }, { signingDate, unsignableHeaders })
    )
    return HttpClientRequest.setHeaders(request, headers)
  })
})
