/** As much of Node's `Buffer` as the shared decision asks for: base64url, both ways. */
import { Result } from "effect"
import { Base64Url } from "effect/encoding"

class Bytes extends Uint8Array<ArrayBuffer> {
  override toString(encoding?: string): string {
    return encoding === "base64url" ? Base64Url.encode(this) : new TextDecoder().decode(this)
  }
}

const bytesOf = (bytes: ArrayLike<number>): Bytes => {
  const copy = new Bytes(new ArrayBuffer(bytes.length))
  copy.set(bytes)
  return copy
}

const from = (source: string | Uint8Array, encoding?: string): Bytes => {
  if (typeof source !== "string") return bytesOf(source)
  if (encoding !== "base64url") return bytesOf(new TextEncoder().encode(source))
  return Result.match(Base64Url.decode(source), {
    onFailure: () => bytesOf([]),
    onSuccess: bytesOf
  })
}

export const Buffer = { from }

/** The shared decision finds it where the server does. */
export const install = (): void => void Object.assign(globalThis, { Buffer })
