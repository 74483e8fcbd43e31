/** What must be true when a request has run, read from the request and not from what the flow says. */
import { DateTime } from "effect"
import type { CompleteFlowRequest, FlowView } from "../../../rpc/CompleteFlow.ts"
import type { GuestData } from "../../../rpc/Event.ts"
import type { Channel, MessageView, Template } from "../../../rpc/NotificationSequence.ts"
import type { ScanAnswer } from "../../gate/ScanAnswer.ts"

/** Sentences about what is not as it should be; none when all is well. */
export type Faults = ReadonlyArray<string>

export const flowFaults = (flow: FlowView): Faults => [
  ...flow.steps.flatMap(({ error, status, step }) =>
    status === "completed"
      ? []
      : [`The step ${step} is ${status}${error === null ? "." : `: ${error.detail} (${error.code})`}`]
  ),
  ...(flow.steps.length === 8 ? [] : [`The flow has ${flow.steps.length} steps and not eight.`]),
  ...(flow.status === "completed" ? [] : [`The flow ended as ${flow.status}.`])
]

type Due = readonly [key: string, status: MessageView["status"]]

const aboutTicket: ReadonlySet<Template> = new Set<Template>(["ticket_generated", "ticket_alert"])
const notInFlow: ReadonlySet<Template> = new Set<Template>(["event_reminder", "refund_confirmation"])

const sentTo = (guest: GuestData, channel: Channel) => channel === "email" || (guest.phone ?? null) !== null

const messagesDue = (request: CompleteFlowRequest): ReadonlyArray<Due> => {
  const { notification_config: config, payment_config, ticket_config } = request
  const goes = (guest: GuestData, channel: Channel) => (template: Template): boolean => {
    if (notInFlow.has(template)) return false
    if (aboutTicket.has(template)) return ticket_config.send_notifications
    return template !== "payment_confirmation" ||
      (channel === "email" && payment_config.amount > 0 && guest === request.guests[0])
  }
  return request.guests.flatMap((guest) =>
    ([["email", config.email_templates], ["sms", config.sms_templates]] as const).flatMap((
      [channel, templates]
    ) =>
      templates.filter(goes(guest, channel)).map((template): Due => [
        `${template}.${guest.guest_id}.${channel}`,
        sentTo(guest, channel) ? "sent" : "skipped"
      ])
    )
  )
}

/** A reminder whose time has gone is skipped, not sent late. */
const remindersDue = (request: CompleteFlowRequest, now: DateTime.Utc): ReadonlyArray<Due> =>
  request.guests.flatMap((guest) =>
    request.notification_config.schedule_reminders.flatMap(({ channels, hours_before: hours, type }) => {
      const ahead = DateTime.isGreaterThan(DateTime.subtract(request.event_data.date, { hours }), now)
      return channels.map((channel): Due => [
        `${type}-${hours}h.${guest.guest_id}.${channel}`,
        ahead && sentTo(guest, channel) ? "scheduled" : "skipped"
      ])
    })
  )

const keyOf = ({ channel, guest_id, type }: MessageView): string => `${type}.${guest_id}.${channel}`

/** The ledger against what the request asked for at `now`: every message, and no other. */
export const ledgerFaults = (
  request: CompleteFlowRequest,
  now: DateTime.Utc,
  messages: ReadonlyArray<MessageView>
): Faults => {
  const due = new Map([...messagesDue(request), ...remindersDue(request, now)])
  const found = new Map(messages.map((message) => [keyOf(message), message]))
  return [
    ...[...due].flatMap(([key, status]) => {
      const message = found.get(key)
      if (message === undefined) return [`The message ${key} is not in the ledger.`]
      if (message.status !== status) {
        return [
          `The message ${key} is ${message.status} and not ${status}: ${message.reason ?? "no reason"}.`
        ]
      }
      return status === "skipped" && message.reason === null
        ? [`The message ${key} was skipped for no reason.`]
        : []
    }),
    ...[...found.keys()].filter((key) => !due.has(key)).map((key) => `Nobody asked for the message ${key}.`)
  ]
}

/** Whether the request leads to an invoice. */
export const wantsInvoice = ({ payment_config: payment }: CompleteFlowRequest): boolean =>
  payment.create_invoice && payment.amount > 0

/** The first scan lets the ticket in. */
export const admissionFaults = (first: ScanAnswer): Faults =>
  first.result === "valid"
    ? []
    : [`Gate ${first.gate} answered ${first.result} and not valid: ${first.message}`]

/** The second is refused and says when and where the first was. */
export const refusalFaults = (first: ScanAnswer) => (second: ScanAnswer): Faults => {
  const { first_use: use, gate, message, result } = second
  if (result !== "already_used") return [`Gate ${gate} answered ${result} and not already_used: ${message}`]
  return use !== null && use.gate === first.gate && DateTime.Equivalence(use.at, first.decided_at)
    ? []
    : [`Gate ${gate} does not say that the ticket came in at gate ${first.gate}, and when.`]
}
