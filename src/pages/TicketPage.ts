/** `GET /t/<link>`: a guest's ticket on a phone: the QR code while it opens a gate, and otherwise what became of it. */
import { DateTime } from "effect"
import type { Locale } from "../../rpc/values/Values.ts"
import { QrImage } from "../print/qr/QrImage.ts"
import { qrMatrix } from "../print/qr/QrMatrix.ts"
import type { TicketPageRow } from "../store/tickets/TicketPageStore.ts"
import { document, type Html, raw, template } from "./Html.ts"
import type { PageStart } from "./PageAssets.ts"

/** What a ticket is good for at a moment. */
export type TicketState = "good" | "used" | "unpaid" | "void" | "event canceled" | "over"

const day = 24 * 60 * 60_000

/** After its doors have closed, or a day after it began where nobody said when they close, an event is over. */
const endOf = ({ doors_close_at, starts_at }: TicketPageRow): number =>
  doors_close_at === null ? DateTime.toEpochMillis(starts_at) + day : DateTime.toEpochMillis(doors_close_at)

/** The state of a ticket; what is true of the ticket itself comes before what is true of its event. */
export const stateOf = (ticket: TicketPageRow, now: number): TicketState => {
  if (ticket.status === "voided") return "void"
  if (ticket.event_status === "canceled") return "event canceled"
  if (ticket.first_admitted_at !== null) return "used"
  if (ticket.event_status === "completed" || now > endOf(ticket)) return "over"
  return ticket.payment_state === "paid" || ticket.payment_state === "free" ? "good" : "unpaid"
}

const tags = { fr: "fr-FR", en: "en-GB" } as const

const moment = (locale: Locale, timeZone: string, at: DateTime.Utc): string =>
  new Intl.DateTimeFormat(tags[locale], { dateStyle: "full", timeStyle: "short", timeZone })
    .format(DateTime.toEpochMillis(at))

const words = {
  fr: {
    states: {
      good: "Ce billet est valable.",
      used: (when: string, gate: string) =>
        `Ce billet a été utilisé ${when}${gate === "" ? "" : `, porte ${gate}`}.`,
      unpaid: "Ce billet n'est pas encore payé : il n'ouvre aucune porte.",
      void: "Ce billet a été annulé : il n'ouvre aucune porte.",
      "event canceled": "L'événement est annulé.",
      over: "L'événement est terminé."
    },
    present: "Présentez ce code à l'entrée.",
    when: "Date",
    doors: "Ouverture des portes",
    where: "Lieu",
    name: "Nom",
    type: "Billet",
    seat: "Place",
    organizer: "Organisateur",
    pdf: "Le billet en PDF",
    calendar: "Ajouter à l'agenda",
    code: "Code du billet",
    gone: "Ce lien n'ouvre aucun billet",
    goneText:
      "Il est incomplet, ou un nouveau billet vous a été envoyé depuis : ouvrez le lien du dernier message."
  },
  en: {
    states: {
      good: "This ticket is valid.",
      used: (when: string, gate: string) =>
        `This ticket was used ${when}${gate === "" ? "" : ` at gate ${gate}`}.`,
      unpaid: "This ticket has not been paid for yet: it opens no gate.",
      void: "This ticket has been cancelled: it opens no gate.",
      "event canceled": "The event has been cancelled.",
      over: "The event is over."
    },
    present: "Show this code at the entrance.",
    when: "Date",
    doors: "Doors open",
    where: "Place",
    name: "Name",
    type: "Ticket",
    seat: "Seat",
    organizer: "Organiser",
    pdf: "The ticket as a PDF",
    calendar: "Add to calendar",
    code: "Ticket code",
    gone: "This link opens no ticket",
    goneText: "It is incomplete, or you were sent a new ticket since: open the link of the latest message."
  }
} as const

const line = (label: string, value: string | null): Html =>
  value === null || value === "" ? raw("") : template`<dt>${label}</dt><dd>${value}</dd>`

const sentence = (ticket: TicketPageRow, state: TicketState, locale: Locale): string => {
  const said = words[locale].states
  return state === "used"
    ? said.used(
      ticket.first_admitted_at === null ? "" : moment(locale, ticket.timezone, ticket.first_admitted_at),
      ticket.first_gate ?? ""
    )
    : said[state]
}

/** Where the PDF and the calendar entry are; null where there is none. */
export interface TicketAddresses {
  readonly pdf: string | null
  readonly calendar: string
}

/** The page of a ticket at the moment `now`, in milliseconds. */
export const ticketPage = (
  ticket: TicketPageRow,
  { calendar, pdf }: TicketAddresses,
  now: number,
  start: PageStart | undefined
) => {
  const { locale } = ticket
  const said = words[locale]
  const state = stateOf(ticket, now)
  const code = state === "good"
    ? template`<div class="qr">${
      raw(QrImage.svg(qrMatrix(ticket.qr_data), "large"))
    }<code>${ticket.code}</code></div>
<p class="soft">${said.present}</p>`
    : raw("")
  const links = template`<p>${
    pdf === null || state === "void" ? null : template`<a class="button" href="${pdf}">${said.pdf}</a>`
  }${
    state === "good" || state === "unpaid"
      ? template`<a class="button plain" href="${calendar}">${said.calendar}</a>`
      : null
  }</p>`
  return document({
    locale,
    title: ticket.title,
    scripts: start === undefined ? "none" : "own",
    start,
    body: template`<main>
<h1>${ticket.title}</h1>
<p class="state ${state === "good" ? "good" : "bad"}" role="status">${sentence(ticket, state, locale)}</p>
${code}
<dl>
${line(said.when, moment(locale, ticket.timezone, ticket.starts_at))}
${
      line(
        said.doors,
        ticket.doors_open_at === null ? null : moment(locale, ticket.timezone, ticket.doors_open_at)
      )
    }
${line(said.where, ticket.location)}
${line(said.name, ticket.guest_name)}
${line(said.type, ticket.ticket_type)}
${line(said.seat, ticket.seat)}
${line(said.organizer, ticket.organizer)}
</dl>
${links}
</main>`
  }, true)
}

/** The answer to a link that opens nothing: forged, incomplete and outdated ones are the same. */
export const noTicketPage = (locale: Locale) =>
  document({
    locale,
    title: words[locale].gone,
    scripts: "none",
    body: template`<main><h1>${words[locale].gone}</h1><p>${words[locale].goneText}</p></main>`
  }, true)
