/** What providers of mail report of messages that they took: one shape, whichever of them says it. */
import { type Effect, Schema } from "effect"
import type { SuppressionReason } from "../../../../rpc/NotificationSequence.ts"

/** An address that nothing is to be sent to any more. */
export interface Feedback {
  readonly reason: Exclude<SuppressionReason, "manual">
  readonly address: string
  /** Which message it was: its id, or the digest that its envelope's sender is named by; unknown where the provider does not say. */
  readonly message: string | undefined
  /** What was said, at most 200 characters. */
  readonly detail: string | null
}

/** The signature, its time or the body is not what the provider sends; which of them is not said. */
export class NotFromProvider extends Schema.TaggedError<NotFromProvider>()("NotFromProvider", {}) {}

/** A provider could not be asked what its report needs; it sends the report again. */
export class ProviderAway extends Schema.TaggedError<ProviderAway>()("ProviderAway", {}) {}

/** Reads a report, once it is proved to come from its provider; a report of anything else is none. */
export type Reader = (
  raw: Uint8Array,
  headers: Readonly<Record<string, string | undefined>>
) => Effect.Effect<ReadonlyArray<Feedback>, NotFromProvider | ProviderAway>

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The JSON of raw bytes; undefined when it is none. */
export const jsonOf = (raw: Uint8Array): unknown => {
  try {
    return JSON.parse(utf8.decode(raw))
  } catch {
    return undefined
  }
}

/** One line of what was said. */
export const detailOf = (...said: ReadonlyArray<string | undefined>): string | null =>
  said.filter((part) => part !== undefined && part !== "").join(" ").replace(/[\p{Cc}\p{Cs}]+/gu, " ").slice(
    0,
    200
  ) ||
  null

/** The digest in the envelope's sender: `bounces+<32 hex digits>@mail.example` (VERP). */
export const namedBy = (sender: string | undefined): string | undefined =>
  /\+([0-9a-f]{32})@/.exec(sender ?? "")?.[1]
