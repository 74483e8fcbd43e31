/**
 * The Ed25519 keys that sign tickets: one signs, the retired ones still verify, all public halves are
 * published.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign as signBytes
} from "node:crypto"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { keepSecret, keptSecret } from "./SecretFile.ts"

/** A public signing key as RFC 8037 writes it; `kid` starts its RFC 7638 thumbprint. */
const TicketJwk = Schema.Struct({
  kty: Schema.Literal("OKP"),
  crv: Schema.Literal("Ed25519"),
  x: Schema.String,
  kid: Schema.String,
  use: Schema.Literal("sig"),
  alg: Schema.Literal("EdDSA")
})
export type TicketJwk = typeof TicketJwk.Type

/** The document served at `/.well-known/guichet-keys.json` (RFC 7517): all that a gate needs to verify offline. */
export const TicketKeySet = Schema.Struct({ keys: Schema.Array(TicketJwk) })
export type TicketKeySet = typeof TicketKeySet.Type

/** Public keys by key id, ready to verify with. */
export type TrustedKeys = ReadonlyMap<string, KeyObject>

/** A signing key that is absent or unreadable; `message` says which variable or file to set, and how. */
export class SigningKeyError extends Schema.TaggedError<SigningKeyError>()("SigningKeyError", {
  reason: Schema.Literals(["missing", "malformed"]),
  source: Schema.String,
  message: Schema.String
}) {}

const jwkOf = (key: KeyObject): TicketJwk => {
  const { x = "" } = key.export({ format: "jwk" })
  const thumbprint = createHash("sha256").update(JSON.stringify({ crv: "Ed25519", kty: "OKP", x })).digest(
    "base64url"
  )
  return { kty: "OKP", crv: "Ed25519", x, kid: thumbprint.slice(0, 8), use: "sig", alg: "EdDSA" }
}

/**
 * The keys of a published set, as a gate that never saw the private half loads them; other kinds are ignored.
 */
export const trustedKeys = (set: TicketKeySet): TrustedKeys =>
  new Map(
    set.keys.filter((jwk) => jwk.kty === "OKP" && jwk.crv === "Ed25519").map((jwk) => [
      jwk.kid,
      createPublicKey({ format: "jwk", key: { kty: jwk.kty, crv: jwk.crv, x: jwk.x } })
    ])
  )

const how = "`openssl genpkey -algorithm ed25519 -outform DER | base64 -w0` makes one"

const parse = (source: string, kind: "private" | "public", text: string) =>
  Effect.try({
    try: () => {
      const der = Buffer.from(text.trim(), "base64")
      const key = kind === "private"
        ? createPrivateKey({ key: der, format: "der", type: "pkcs8" })
        : createPublicKey({ key: der, format: "der", type: "spki" })
      if (key.asymmetricKeyType !== "ed25519") throw new TypeError("another kind of key")
      return key
    },
    catch: () =>
      new SigningKeyError({
        reason: "malformed",
        source,
        message: kind === "private"
          ? `${source} is not an Ed25519 private key (PKCS8 DER in base64); ${how}.`
          : `${source} must hold Ed25519 public keys (SPKI DER in base64), separated by commas.`
      })
  })

const make = (privateKey: KeyObject, retired: ReadonlyArray<KeyObject>) => {
  const publicKey = createPublicKey(privateKey)
  const current = jwkOf(publicKey)
  const jwks = [...new Map([publicKey, ...retired].map((key) => [jwkOf(key).kid, jwkOf(key)])).values()]
  const keySet: TicketKeySet = { keys: jwks }
  return SigningKeys.of({
    kid: current.kid,
    sign: (bytes) => signBytes(null, bytes, privateKey),
    trusted: trustedKeys(keySet),
    keySet
  })
}

const retiredKeys = Effect.gen(function* () {
  const source = "TICKET_SIGNING_KEYS_RETIRED"
  const text = yield* Config.String(source).pipe(Config.withDefault(""))
  return yield* Effect.forEach(
    text.split(",").filter((part) => part.trim() !== ""),
    (part) => parse(source, "public", part)
  )
})

const variable = "TICKET_SIGNING_KEY"

/** The key that the environment gives; an empty value counts as none. */
const given = Config.map(
  Config.option(Config.Redacted(variable)),
  Option.filter((key) => Redacted.value(key).trim() !== "")
)

const fromConfig = Effect.gen(function* () {
  const key = yield* given
  if (Option.isNone(key)) {
    return yield* new SigningKeyError({
      reason: "missing",
      source: variable,
      message: `${variable} is not set: tickets cannot be signed without it; ${how}.`
    })
  }
  return make(yield* parse(variable, "private", Redacted.value(key.value)), yield* retiredKeys)
})

const generate = () => generateKeyPairSync("ed25519").privateKey

const fileName = "ticket-signing-key"

/** The directory's own key signs unless the environment gives another one, beside which it is a retired one. */
const fromFile = Effect.fn("SigningKeys.fromFile")(function* (directory: string) {
  const retired = yield* retiredKeys
  const key = yield* given
  if (Option.isSome(key)) {
    const chosen = yield* parse(variable, "private", Redacted.value(key.value))
    const kept = yield* keptSecret(directory, fileName)
    if (Option.isNone(kept)) return make(chosen, retired)
    const before = yield* parse(kept.value.path, "private", Redacted.value(kept.value.text))
    return make(chosen, [createPublicKey(before), ...retired])
  }
  const { path, text } = yield* keepSecret(
    directory,
    fileName,
    () => generate().export({ format: "der", type: "pkcs8" }).toString("base64")
  )
  return make(yield* parse(path, "private", Redacted.value(text)), retired)
})

/**
 * Signs ticket data (pure Ed25519, RFC 8032) and knows every key that a ticket in the wild may be signed
 * with.
 */
export class SigningKeys extends Context.Service<SigningKeys, {
  readonly kid: string
  sign(bytes: Uint8Array): Uint8Array
  readonly trusted: TrustedKeys
  readonly keySet: TicketKeySet
}>()("guichet/trust/SigningKeys") {
  /**
   * From `TICKET_SIGNING_KEY` (PKCS8 DER, base64) and `TICKET_SIGNING_KEYS_RETIRED` (SPKI DER, base64,
   * commas).
   */
  static readonly layerConfig: Layer.Layer<SigningKeys, SigningKeyError | Config.ConfigError> = Layer.effect(
    SigningKeys,
    fromConfig
  )

  /**
   * A random key made on the first start and kept in `<directory>/secrets/ticket-signing-key`, mode 0600.
   * `TICKET_SIGNING_KEY` goes before it, and then it still verifies.
   */
  static readonly layerFile = (
    directory: string
  ): Layer.Layer<SigningKeys, SigningKeyError | Config.ConfigError | PlatformError, FileSystem.FileSystem> =>
    Layer.effect(SigningKeys, fromFile(directory))

  /** A random key that dies with the process. */
  static readonly layerMemory: Layer.Layer<SigningKeys> = Layer.sync(SigningKeys, () => make(generate(), []))
}
