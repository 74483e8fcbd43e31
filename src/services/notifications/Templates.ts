/** The messages this service knows, rendered for one reader in French or English. */
import { Context, DateTime, Duration, Effect, Layer, Schema } from "effect"
import { createHash } from "node:crypto"
import { Template as TemplateId } from "../../../rpc/NotificationSequence.ts"
import { methodOf, toIcs } from "./Calendar.ts"
import type { EmailFile } from "./EmailTransport.ts"
import { UnknownTemplate } from "./NotificationApi.ts"
import * as SmsText from "./SmsText.ts"
import { toHtml, toText } from "./templates/EmailLayout.ts"
import { eventCancelled } from "./templates/Cancellation.ts"
import { paymentConfirmation, refundConfirmation } from "./templates/Payments.ts"
import { registrationConfirmation, welcome } from "./templates/Registration.ts"
import { eventReminder } from "./templates/Reminders.ts"
import type { Content, Template } from "./templates/Template.ts"
import { ticketAlert, ticketGenerated } from "./templates/Tickets.ts"
import * as Variables from "./templates/Variables.ts"
import * as View from "./templates/View.ts"

const templates: Readonly<Record<TemplateId, Template>> = {
  registration_confirmation: registrationConfirmation,
  welcome,
  ticket_generated: ticketGenerated,
  ticket_alert: ticketAlert,
  payment_confirmation: paymentConfirmation,
  refund_confirmation: refundConfirmation,
  event_reminder: eventReminder,
  event_cancelled: eventCancelled
}

const isTemplate = Schema.is(TemplateId)

/** What a caller asks for; a `subject` of its own wins over the template's. */
export interface Request {
  readonly templateId: string
  readonly subject: string | null | undefined
  readonly variables: Variables.Variables
  readonly attached: View.Attached
  /** The installation's own domain, in which a calendar entry has its name. */
  readonly domain?: string | undefined
}

/** An e-mail's parts; `calendar` is the event as a file. */
export interface RenderedEmail {
  readonly subject: string
  readonly text: string
  readonly html: string
  readonly calendar: EmailFile | undefined
  readonly unsubscribeUrl: string | undefined
}

const find = Effect.fnUntraced(function* (id: string) {
  if (isTemplate(id)) return templates[id]
  return yield* new UnknownTemplate({
    template_id: id,
    known: TemplateId.literals,
    detail: "Use one of the ids in `known`."
  })
})

/** An entry without an end is a moment that calendars hide: without one, it is as long as an evening. */
const evening = Duration.hours(3)

/** A calendar knows events of the whole world: two organisers' numbers do not tell them apart. */
const uidOf = (v: Variables.Variables, start: DateTime.DateTime) =>
  v.event_uid !== undefined
    ? v.event_uid
    : v.event_id === undefined
    ? createHash("sha256").update(`${v.event_name} ${DateTime.formatIso(start)}`).digest("hex").slice(0, 32)
    : `event-${v.event_id}`

const calendarOf = Effect.fnUntraced(
  function* (template: Template, request: Request, view: View.View, content: Content) {
    const v = request.variables
    const start = View.momentOf(v.event_date, v.event_timezone)
    if (template.calendar === undefined || start === undefined) return undefined
    const canceled = template.calendar === "canceled"
    const ics = toIcs({
      canceled,
      uid: `${uidOf(v, start)}@${request.domain ?? "guichet.invalid"}`,
      sequence: Math.max(0, Math.trunc(v.event_version ?? 0)) + (canceled ? 1 : 0),
      stamp: yield* DateTime.now,
      start,
      end: View.momentOf(v.event_end_date, v.event_timezone) ?? DateTime.addDuration(start, evening),
      title: view.event ?? content.title,
      location: view.where,
      url: view.ticketUrl
    })
    return {
      filename: "event.ics",
      contentType: `text/calendar; charset=utf-8; method=${methodOf({ canceled })}`,
      content: new TextEncoder().encode(ics)
    }
  }
)

const email = Effect.fn("Templates.email")(function* (request: Request) {
  const template = yield* find(request.templateId)
  const v = request.variables
  const locale = View.localeOf(v)
  const view = View.make(v, locale, request.attached)
  const own = template.content[locale](view)
  const content = { ...own, subject: Variables.oneLine(request.subject ?? "") || own.subject }
  const unsubscribeUrl = template.reminder === true ? v.unsubscribe_url : undefined
  const rendered: RenderedEmail = {
    subject: content.subject,
    text: toText(content, view, locale, unsubscribeUrl),
    html: toHtml(content, view, locale, unsubscribeUrl),
    calendar: yield* calendarOf(template, request, view, content),
    unsubscribeUrl
  }
  return rendered
})

const sms = Effect.fn("Templates.sms")(function* (request: Request) {
  const template = yield* find(request.templateId)
  const locale = View.localeOf(request.variables)
  return SmsText.compact(template.content[locale](View.make(request.variables, locale, request.attached)).sms)
})

/** Every template renders for both channels, whatever variables are missing. */
export class Templates extends Context.Service<Templates, {
  readonly ids: ReadonlyArray<string>
  readonly email: (request: Request) => Effect.Effect<RenderedEmail, UnknownTemplate>
  readonly sms: (request: Request) => Effect.Effect<string, UnknownTemplate>
}>()("guichet/services/notifications/Templates") {
  static readonly layer = Layer.succeed(Templates, { ids: TemplateId.literals, email, sms })
}
