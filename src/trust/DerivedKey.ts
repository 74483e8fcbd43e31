/** A key per purpose, derived from a service's secret: whoever learns one key signs nothing else with it (RFC 5869). */
import { Redacted } from "effect"
import { hkdfSync } from "node:crypto"

/**
 * What derived keys are for. Requests and webhooks between services are signed with the secret itself, as the flows
 * document says. A purpose is never used for anything else: what changes its meaning gets a new number.
 */
export type KeyPurpose = "file-link.v2" | "ticket-page.v1" | "cluster.v1" | "sandbox-webhook.v1"

/** Keys of one purpose: the one to sign with, and those that are believed while a secret is being replaced. */
export interface DerivedKeys {
  readonly signing: Redacted.Redacted
  readonly accepted: ReadonlyArray<Redacted.Redacted>
}

/** HKDF-SHA256 without salt, the purpose as its info: 32 bytes in base64url, which is text as secrets are. */
export const derivedKey = (secret: Redacted.Redacted, purpose: KeyPurpose): Redacted.Redacted =>
  Redacted.make(
    Buffer.from(hkdfSync("sha256", Redacted.value(secret), "", `guichet.${purpose}`, 32)).toString(
      "base64url"
    )
  )

/** The keys of a purpose, from the secret to sign with and those that it replaces. */
export const derivedKeys = (
  [current, ...previous]: readonly [Redacted.Redacted, ...ReadonlyArray<Redacted.Redacted>],
  purpose: KeyPurpose
): DerivedKeys => {
  const signing = derivedKey(current, purpose)
  return { signing, accepted: [signing, ...previous.map((secret) => derivedKey(secret, purpose))] }
}
