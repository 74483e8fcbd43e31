/**
 * The links under which stored files are handed out: signed for a time, on the address that people see. Those of a
 * ticket live until its event is over.
 */
import { Clock, Context, Duration, Effect, Layer, type Redacted } from "effect"
import { isFileKey } from "../../rpc/values/FileKey.ts"
import { SignedUrl } from "./SignedUrl.ts"

/** `baseUrl` is where `GET /files/…` is served; a link opens for `lifetime`, 90 days by default. */
export interface FileLinkOptions {
  readonly baseUrl: string
  readonly secret: Redacted.Redacted<string>
  readonly lifetime?: Duration.Input | undefined
}

/** An event may last for days, and people look for their ticket after it. */
export const afterEvent = Duration.days(7)

/** The last second that a link can name (`SignedUrl`). */
const lastSecond = 999_999_999_999

/** Makes links to files by their key. */
export class FileLinks extends Context.Service<FileLinks, {
  /** With the moment at which an event begins, the link opens until a week after it where that is longer. */
  readonly make: (key: string, eventAt?: Date) => Effect.Effect<string>
}>()("guichet/files/FileLinks") {
  static readonly layer = (
    { baseUrl, secret, lifetime = "90 days" }: FileLinkOptions
  ): Layer.Layer<FileLinks> => {
    const seconds = Duration.toSeconds(Duration.fromInputUnsafe(lifetime))
    return Layer.succeed(FileLinks, {
      make: (key, eventAt) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          const usual = Math.floor(now / 1000 + seconds)
          const begins = eventAt?.getTime() ?? Number.NaN
          const over = Math.floor(begins / 1000 + Duration.toSeconds(afterEvent))
          const expires = Math.min(lastSecond, Number.isNaN(over) ? usual : Math.max(usual, over))
          return SignedUrl.make({ baseUrl, key, expires, secret })
        })
    })
  }
}

/** A new link to a file of an event's ticket; the address that was stored for a file that is kept elsewhere. */
export const currentLink = (
  links: FileLinks["Service"],
  key: string | null,
  stored: string | null,
  eventAt: Date
): Effect.Effect<string | null> =>
  key !== null && isFileKey(key) ? links.make(key, eventAt) : Effect.succeed(stored)
