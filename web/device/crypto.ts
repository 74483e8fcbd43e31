/**
 * What the shared decision asks of `node:crypto`, for a browser: a digest and the check of an Ed25519 signature, both at
 * once and not as promises. The build puts this file in place of `node:crypto`; what a page never does throws.
 */
import { ed25519 } from "@noble/curves/ed25519.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { Buffer } from "./buffer.ts"

/** A public key as the pages hold one. */
interface PublicKey {
  readonly raw: Uint8Array
}

/** The key of a JWK (RFC 8037). */
export const createPublicKey = ({ key }: { readonly key: { readonly x: string } }): PublicKey => ({
  raw: Buffer.from(key.x, "base64url")
})

/** Whether the signature is that of the bytes under the key; a key or a signature of another length is none. */
export const verify = (_: null, bytes: Uint8Array, key: PublicKey, signature: Uint8Array): boolean =>
  key.raw.length === 32 && signature.length === 64 &&
  ed25519.verify(signature, bytes, key.raw, { zip215: false })

/** SHA-256, as far as it is used: text in, bytes out. */
export const createHash = (name: string) => {
  if (name !== "sha256") throw new Error(`A page knows no digest ${name}`)
  const hash = sha256.create()
  const self = {
    update: (text: string) => {
      hash.update(new TextEncoder().encode(text))
      return self
    },
    digest: () => Buffer.from(hash.digest())
  }
  return self
}

const absent = (name: string) => (): never => {
  throw new Error(`A page has no ${name}: the server alone does that`)
}

/** Random bytes of the browser. */
export const randomBytes = (length: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(length)))

export const createHmac = absent("createHmac")
export const createPrivateKey = absent("createPrivateKey")
export const generateKeyPairSync = absent("generateKeyPairSync")
export const hash = absent("hash")
export const hkdfSync = absent("hkdfSync")
export const randomUUID = (): string => crypto.randomUUID()
export const sign = absent("sign")
export const timingSafeEqual = absent("timingSafeEqual")
export default { createHash, createPublicKey, randomBytes, randomUUID, verify }
