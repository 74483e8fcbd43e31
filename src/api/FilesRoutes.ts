/** Files behind signed, expiring links, and the public keys that verify a ticket's QR data. */
import { Effect, Result } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { isFileKey } from "../../rpc/values/FileKey.ts"
import { afterEvent } from "../files/FileLinks.ts"
import { FileStore } from "../files/FileStore.ts"
import { SignedUrl, type SignedUrlRefusal } from "../files/SignedUrl.ts"
import { TicketStore } from "../store/tickets/TicketStore.ts"
import { ServiceSecrets } from "../trust/ServiceSecrets.ts"
import { SigningKeys } from "../trust/SigningKeys.ts"
import { inline } from "../http/FileNamed.ts"

const headers = { "cache-control": "no-store" }

const refused = (status: 404 | 503) => HttpServerResponse.empty({ status, headers })

const again = "read the ticket, invoice or template that had it again: its link is made anew."

/** What does not open says so of the link: no token would open it either. */
const closed = (why: SignedUrlRefusal) =>
  HttpServerResponse.jsonUnsafe(
    why === "expired"
      ? { title: "This link has expired", detail: `The link was good until its expires; ${again}` }
      : { title: "This link does not open", detail: `The link is incomplete or has been changed; ${again}` },
    { status: why === "expired" ? 410 : 403, headers }
  )

const nameOf = (key: string): string => key.slice(key.lastIndexOf("/") + 1)

/**
 * Until 1 March 2027 links of the first versions open too, which the generator's secret signed itself: a link lives for
 * 90 days. After that day this constant and `former` can go.
 */
const rawLinksUntil = Date.UTC(2027, 2, 1) / 1000

/** Invoices are read with a token, and are attached to mails: no link to one is ever made, so that none opens. */
const hasLinks = (key: string): boolean => !key.startsWith("invoices/")

/**
 * `GET /files/<key>?expires=…&signature=…`: a key derived from the generator's secret made the link, and that of either
 * of its two secrets opens it. A link of ours that has expired opens the file of a live ticket as long as its event is not
 * over: one that was mailed long before, or before the event was moved, needs no other to be sent.
 * Whichever store holds the file, its bytes go through here, so that a link stays the same and its store private.
 */
const serveFiles = Effect.fnUntraced(function* (
  router: HttpRouter.HttpRouter,
  opensLate: (key: string) => Effect.Effect<boolean>
) {
  const files = yield* FileStore
  const secrets = yield* ServiceSecrets
  yield* router.add(
    "GET",
    "/files/*",
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const url = new URL(request.url, "http://localhost")
      const key = url.pathname.replace(/^\/files\//, "")
      if (!isFileKey(key)) return refused(404)
      const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      if (!hasLinks(key)) return closed("forged")
      const opened = SignedUrl.verify({
        key,
        expires: url.searchParams.get("expires") ?? undefined,
        signature: url.searchParams.get("signature") ?? undefined,
        now: Math.floor(now / 1000),
        secrets: secrets.derived("ticket-generator-service", "file-link.v2").accepted,
        former: { secrets: secrets.accepted("ticket-generator-service"), until: rawLinksUntil }
      })
      if (Result.isFailure(opened)) {
        const lives = opened.failure === "expired" && (yield* opensLate(key))
        if (!lives) return closed(opened.failure)
      }
      return yield* files.get(key).pipe(
        Effect.map(({ bytes, contentType }) =>
          HttpServerResponse.uint8Array(bytes, {
            contentType,
            headers: { ...headers, "content-disposition": inline(nameOf(key)) }
          })
        ),
        Effect.catchTag(
          "FileStoreError",
          (error) =>
            error.reason === "not_found"
              ? Effect.succeed(refused(404))
              : Effect.as(Effect.logError("A file could not be read", error.message), refused(503))
        )
      )
    })
  )
})

/** Files whose links end when they say so. */
export const filesLayer = HttpRouter.use((router) => serveFiles(router, () => Effect.succeed(false)))

/** The same with tickets, whose links live until the event is over. */
export const ticketFilesLayer = HttpRouter.use((router) =>
  Effect.flatMap(TicketStore, (tickets) => serveFiles(router, (key) => tickets.opensFile(key, afterEvent)))
)

/** `GET /.well-known/guichet-keys.json`: a JWK set (RFC 7517, RFC 8037); retired keys stay in it. */
export const keysLayer = HttpRouter.use(Effect.fnUntraced(function* (router) {
  const keys = yield* SigningKeys
  yield* router.add(
    "GET",
    "/.well-known/guichet-keys.json",
    HttpServerResponse.jsonUnsafe(keys.keySet, { headers: { "cache-control": "public, max-age=300" } })
  )
}))
