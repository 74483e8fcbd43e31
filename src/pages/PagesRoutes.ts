/** The pages that the core serves: front page, scanner, board, a guest's ticket, and the files that they load. */
import { Clock, DateTime, Effect, Option } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { currentLink, FileLinks } from "../files/FileLinks.ts"
import { idOf, TicketLinks } from "../files/TicketLinks.ts"
import { localeOf } from "../gate/ScanAnswer.ts"
import { toIcs } from "../services/notifications/Calendar.ts"
import { TicketPageStore } from "../store/tickets/TicketPageStore.ts"
import { frontPage } from "./FrontPage.ts"
import { document, template } from "./Html.ts"
import { type Asset, PageAssets, type PageName } from "./PageAssets.ts"
import { noTicketPage, ticketPage } from "./TicketPage.ts"

const icon =
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" rx="14" fill="#3b2ad9"/>` +
  `<path d="M12 22h40v7a5 5 0 0 0 0 10v7H12v-7a5 5 0 0 0 0-10z" fill="#fff"/>` +
  `<path d="M25 33l6 7 11-13" fill="none" stroke="#3b2ad9" stroke-width="5" stroke-linecap="round" stroke-linejoin="round"/></svg>`

const manifest = {
  name: "Guichet",
  short_name: "Guichet",
  start_url: "/gate",
  scope: "/gate",
  display: "standalone",
  background_color: "#0f1216",
  theme_color: "#3b2ad9",
  icons: [{ src: "/icon.svg", sizes: "any", type: "image/svg+xml", purpose: "any maskable" }]
}

const language = Effect.map(
  HttpServerRequest.HttpServerRequest,
  ({ headers }) => localeOf(headers["accept-language"])
)

const immutable = "public, max-age=31536000, immutable"

/** The smallest form that the request takes. */
const answerOf = (asset: Asset, accepts: string, cacheControl: string) => {
  const takes = (coding: string) =>
    new RegExp(`(?:^|[\\s,])${coding}(?!\\s*;\\s*q=0(?:\\.0+)?\\s*(?:,|$))`, "i").test(accepts)
  const [bytes, coding] = takes("br")
    ? [asset.brotli, "br"] as const
    : takes("gzip")
    ? [asset.gzip, "gzip"] as const
    : [asset.bytes, undefined] as const
  return HttpServerResponse.uint8Array(bytes, {
    contentType: asset.contentType,
    headers: {
      "cache-control": cacheControl,
      vary: "accept-encoding",
      ...(coding === undefined ? {} : { "content-encoding": coding })
    }
  })
}

const titles = {
  gate: { fr: "Contrôle des billets", en: "Ticket check" },
  board: { fr: "Portes en direct", en: "Live gates" }
} as const

const unbuilt = {
  fr: "Les pages ne sont pas construites ici : lancez « deno task web » et démarrez à nouveau.",
  en: 'The pages have not been built here: run "deno task web" and start again.'
} as const

/** Where a link's text ends; longer ones are none of ours. */
const longestLink = 64

/** All pages; without built ones, those that need scripts say how to build them. */
export const layer = HttpRouter.use(Effect.fnUntraced(function* (router) {
  const assets = yield* PageAssets
  const links = yield* TicketLinks
  const files = yield* FileLinks
  const tickets = yield* TicketPageStore

  const built = (page: Exclude<PageName, "ticket">) =>
    Effect.map(language, (locale) => {
      const start = Option.getOrUndefined(assets.start(page))
      return document({
        locale,
        title: titles[page][locale],
        scripts: start === undefined ? "none" : "own and wasm",
        start,
        status: start === undefined ? 503 : 200,
        head: page === "gate" ? template`<link rel="manifest" href="/gate.webmanifest">` : template``,
        body: start === undefined
          ? template`
            <main>
              <p>${unbuilt[locale]}</p>
            </main>
          `
          : template`<div id="page"></div>`
      }, start === undefined)
    })

  const asset = (name: string, cacheControl: string) =>
    Effect.map(HttpServerRequest.HttpServerRequest, ({ headers }) => {
      const found = assets.get(name)
      return found === undefined
        ? HttpServerResponse.empty({ status: 404 })
        : answerOf(found, headers["accept-encoding"] ?? "", cacheControl)
    })

  const linked = Effect.gen(function* () {
    const { link = "" } = yield* HttpRouter.params
    const id = link.length > longestLink ? undefined : idOf(link)
    if (id === undefined) return Option.none()
    return Option.filter(
      yield* tickets.get(id),
      ({ code, ticket_id }) => links.opens(link, { ticketId: ticket_id, code })
    )
  })

  yield* router.add("GET", "/", Effect.map(language, frontPage))
  yield* router.add("GET", "/gate", built("gate"))
  yield* router.add("GET", "/gate/board", built("board"))
  yield* router.add("GET", "/icon.svg", HttpServerResponse.text(icon, { contentType: "image/svg+xml" }))
  yield* router.add(
    "GET",
    "/gate.webmanifest",
    HttpServerResponse.text(JSON.stringify(manifest), { contentType: "application/manifest+json" })
  )
  yield* router.add("GET", "/gate-worker.js", asset("worker.js", "no-cache"))
  yield* router.add(
    "GET",
    "/assets/:name",
    Effect.flatMap(HttpRouter.params, ({ name = "" }) => asset(name, immutable))
  )
  yield* router.add(
    "GET",
    "/t/:link",
    Effect.gen(function* () {
      const ticket = yield* linked
      if (Option.isNone(ticket)) return HttpServerResponse.setStatus(noTicketPage(yield* language), 404)
      const { file_key, file_url, starts_at } = ticket.value
      const addresses = {
        pdf: yield* currentLink(files, file_key, file_url, DateTime.toDateUtc(starts_at)),
        calendar: `${
          new URL(links.make({ ticketId: ticket.value.ticket_id, code: ticket.value.code })).pathname
        }/event.ics`
      }
      return ticketPage(
        ticket.value,
        addresses,
        yield* Clock.currentTimeMillis,
        Option.getOrUndefined(assets.start("ticket"))
      )
    })
  )
  yield* router.add(
    "GET",
    "/t/:link/event.ics",
    Effect.gen(function* () {
      const ticket = yield* linked
      if (Option.isNone(ticket)) return HttpServerResponse.empty({ status: 404 })
      const { code, doors_close_at, event_id, location, starts_at, ticket_id, title } = ticket.value
      const page = links.make({ ticketId: ticket_id, code })
      return HttpServerResponse.text(
        toIcs({
          uid: `event-${event_id}@${new URL(page).hostname}`,
          sequence: 0,
          stamp: yield* DateTime.now,
          start: starts_at,
          end: doors_close_at ?? undefined,
          title,
          location,
          url: page
        }),
        {
          contentType: "text/calendar; charset=utf-8",
          headers: { "cache-control": "no-store", "content-disposition": 'attachment; filename="event.ics"' }
        }
      )
    })
  )
}))
