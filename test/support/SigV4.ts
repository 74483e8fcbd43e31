/**
 * What an object store checks of a signature, written from AWS's pages with `node:crypto` alone: "Signature
 * Calculations for the Authorization Header" of the Amazon S3 API reference.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto"

/** A request as it came: `path` and `query` raw, header names in lower case. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** Who may ask, where, and what time it is there. */
export interface Gatekeeper {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
  readonly now: number
}

const hex = (data: string | Uint8Array) => createHash("sha256").update(data).digest("hex")
const mac = (key: string | Uint8Array, data: string) => createHmac("sha256", key).update(data).digest()

const escape = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)

const canonicalQuery = (query: string) =>
  [...new URLSearchParams(query)].map(([name, value]) => `${escape(name)}=${escape(value)}`).sort().join("&")

const instantOf = (stamp: string) =>
  Date.parse(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"))

/** The signature that a request should carry. */
export const signatureOf = (asked: Asked, signed: ReadonlyArray<string>, gatekeeper: Gatekeeper): string => {
  const stamp = asked.headers["x-amz-date"] ?? ""
  const scope = `${stamp.slice(0, 8)}/${gatekeeper.region}/s3/aws4_request`
  const canonical = [
    asked.method,
    asked.path.split("/").map((part) => escape(decodeURIComponent(part))).join("/"),
    canonicalQuery(asked.query),
    ...signed.map((name) => `${name}:${(asked.headers[name] ?? "").trim().replace(/ +/g, " ")}`),
    "",
    signed.join(";"),
    asked.headers["x-amz-content-sha256"] ?? ""
  ].join("\n")
  const key = scope.split("/").reduce<string | Uint8Array>(mac, `AWS4${gatekeeper.secretAccessKey}`)
  return mac(key, `AWS4-HMAC-SHA256\n${stamp}\n${scope}\n${hex(canonical)}`).toString("hex")
}

const shape =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/

/** The status and the code of the refusal, or nothing when the request is right. */
export const refusal = (
  asked: Asked,
  gatekeeper: Gatekeeper
): readonly [status: number, code: string] | undefined => {
  const match = shape.exec(asked.headers["authorization"] ?? "")
  if (match === null) return [403, "AccessDenied"]
  const [, id, day, region, names, signature] = match as unknown as ReadonlyArray<string>
  if (id !== gatekeeper.accessKeyId) return [403, "InvalidAccessKeyId"]
  if (region !== gatekeeper.region) return [400, "AuthorizationHeaderMalformed"]
  const signed = names!.split(";")
  const mustSign = ["host", ...Object.keys(asked.headers).filter((name) => name.startsWith("x-amz-"))]
  const instant = instantOf(asked.headers["x-amz-date"] ?? "")
  if (Number.isNaN(instant) || !asked.headers["x-amz-date"]!.startsWith(day!)) return [403, "AccessDenied"]
  if (mustSign.some((name) => !signed.includes(name))) return [403, "AccessDenied"]
  if (Math.abs(instant - gatekeeper.now) > 15 * 60_000) return [403, "RequestTimeTooSkewed"]
  const right = signatureOf(asked, signed, gatekeeper)
  if (!timingSafeEqual(Buffer.from(right), Buffer.from(signature!))) return [403, "SignatureDoesNotMatch"]
  return asked.headers["x-amz-content-sha256"] === hex(asked.body)
    ? undefined
    : [400, "XAmzContentSHA256Mismatch"]
}
