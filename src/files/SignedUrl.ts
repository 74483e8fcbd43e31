/**
 * Links to stored files that open without a token until they expire: an HMAC-SHA256 over the key and the
 * instant.
 */
import { createHmac, timingSafeEqual } from "node:crypto"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { trimEnd } from "../bounds/Trim.ts"

/** Why a link does not open: parameters missing or garbled, a signature that is not ours, or too late. */
export const SignedUrlRefusal = Schema.Literals(["malformed", "forged", "expired"])
export type SignedUrlRefusal = typeof SignedUrlRefusal.Type

const sign = (key: string, expires: number, secret: Redacted.Redacted<string>): string =>
  createHmac("sha256", Redacted.value(secret)).update(`guichet.file.v1\n${key}\n${expires}`).digest(
    "base64url"
  )

/**
 * `<baseUrl>/files/<key>?expires=<unix seconds>&signature=<base64url>`; `expires` is the last second it
 * opens.
 */
const make = (options: {
  readonly baseUrl: string
  readonly key: string
  readonly expires: number
  readonly secret: Redacted.Redacted<string>
}): string =>
  `${trimEnd(options.baseUrl, "/")}/files/${options.key}?expires=${options.expires}&signature=${
    sign(options.key, options.expires, options.secret)
  }`

/**
 * Checks the parts of a link as the route received them; `now` in Unix seconds. Every secret in `secrets`
 * opens it, so that one can be rotated while old links live. A forged link is refused as forged even when it
 * is also too late.
 */
const verify = (options: {
  readonly key: string
  readonly expires: string | undefined
  readonly signature: string | undefined
  readonly now: number
  readonly secrets: ReadonlyArray<Redacted.Redacted<string>>
  /** Secrets that signed links before `until`, in Unix seconds: they open no link that is good for longer. */
  readonly former?: { readonly secrets: ReadonlyArray<Redacted.Redacted<string>>; readonly until: number }
}): Result.Result<void, SignedUrlRefusal> => {
  const { expires, signature } = options
  if (expires === undefined || !/^\d{1,12}$/.test(expires)) return Result.fail("malformed")
  if (signature === undefined || !/^[A-Za-z0-9_-]{43}$/.test(signature)) return Result.fail("malformed")
  const given = Buffer.from(signature)
  const { former, secrets } = options
  const old = former !== undefined && Number(expires) <= former.until ? former.secrets : []
  const genuine = [...secrets, ...old].filter((secret) =>
    timingSafeEqual(given, Buffer.from(sign(options.key, Number(expires), secret)))
  )
  if (genuine.length === 0) return Result.fail("forged")
  return options.now > Number(expires) ? Result.fail("expired") : Result.succeed(undefined)
}

/** Links to files: made when a file is stored, checked by `GET /files/…`. */
export const SignedUrl = { make, verify }
