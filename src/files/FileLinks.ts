/** The links under which stored files are handed out: signed for a time, on the address that people see. */
import { Clock, Context, Duration, Effect, Layer, type Redacted } from "effect"
import { isFileKey } from "../../rpc/values/FileKey.ts"
import { SignedUrl } from "./SignedUrl.ts"

/** `baseUrl` is where `GET /files/…` is served; a link opens for `lifetime`, 90 days by default. */
export interface FileLinkOptions {
  readonly baseUrl: string
  readonly secret: Redacted.Redacted<string>
  readonly lifetime?: Duration.Input | undefined
}

/** Makes links to files by their key. */
export class FileLinks extends Context.Service<FileLinks, {
  readonly make: (key: string) => Effect.Effect<string>
}>()("guichet/files/FileLinks") {
  static readonly layer = (
    { baseUrl, secret, lifetime = "90 days" }: FileLinkOptions
  ): Layer.Layer<FileLinks> => {
    const seconds = Duration.toSeconds(Duration.fromInputUnsafe(lifetime))
    return Layer.succeed(FileLinks, {
      make: (key) =>
        Effect.map(
          Clock.currentTimeMillis,
          (now) => SignedUrl.make({ baseUrl, key, expires: Math.floor(now / 1000 + seconds), secret })
        )
    })
  }
}

/** A new link to a file of ours; the address that was stored for a file that is kept elsewhere. */
export const currentLink = (
  links: FileLinks["Service"],
  key: string | null,
  stored: string | null
): Effect.Effect<string | null> => key !== null && isFileKey(key) ? links.make(key) : Effect.succeed(stored)
