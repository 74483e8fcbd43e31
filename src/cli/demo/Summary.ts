/** What came of the demonstration, as a table of a few lines. */
import { DateTime, Duration } from "effect"
import type { CompleteFlowRequest, FlowView } from "../../../rpc/CompleteFlow.ts"
import { format } from "../../../rpc/values/Money.ts"
import type { MessageView } from "../../../rpc/NotificationSequence.ts"
import type { TicketView } from "../../../rpc/Ticket.ts"
import type { ScanAnswer } from "../../gate/ScanAnswer.ts"
import { remindersOf, sentOver } from "./MessageFiles.ts"
import { duration } from "./Picture.ts"

/** Everything the demonstration found, and found to be right. */
export interface Findings {
  readonly request: CompleteFlowRequest
  readonly flow: FlowView
  readonly tickets: ReadonlyArray<TicketView>
  readonly messages: ReadonlyArray<MessageView>
  readonly scans: readonly [ScanAnswer, ScanAnswer]
  readonly folder: string
  readonly total: number
  /** Pages that open while the demonstration is kept running. */
  readonly pages: ReadonlyArray<readonly [name: string, address: string]>
}

type Row = readonly [name: string, value: string]

const between = (from: DateTime.Utc | null, to: DateTime.Utc | null): number =>
  from === null || to === null ? 0 : Duration.toMillis(DateTime.distance(from, to))

const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? "" : "s"}`

/** A moment at the event's place, for example "11 January 2027 at 10:00". */
const moment = (at: DateTime.Utc, timezone: string): string =>
  new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "short", timeZone: timezone })
    .format(DateTime.toEpochMillis(at))

const firstReminder = (messages: ReadonlyArray<MessageView>, timezone: string): ReadonlyArray<string> =>
  messages
    .flatMap(({ scheduled_at: at, status }) => at !== null && status === "scheduled" ? [at] : [])
    .sort(DateTime.Order)
    .slice(0, 1)
    .map((at) => `the first on ${moment(at, timezone)}`)

const rows = (
  { flow, folder, messages, pages, request, scans: [first, second], tickets, total }: Findings
) => {
  const { amount, currency } = request.payment_config
  const price = amount === 0 ? "free of charge" : format(amount, currency, "en")
  const images = tickets.filter(({ qr_url }) => qr_url !== null).length
  const files = [
    `${tickets.length} issued`,
    ...(request.ticket_config.generate_pdf ? [counted(tickets.length, "PDF")] : []),
    ...(images > 0 ? [counted(images, "QR image")] : [])
  ]
  const table: ReadonlyArray<Row> = [
    [
      "Event",
      [
        request.event_data.title,
        moment(request.event_data.date, first.timezone),
        counted(request.guests.length, "guest")
      ].join(", ")
    ],
    ["Flow", flow.flow_id],
    ["Status", `${flow.status} in ${duration(between(flow.created_at, flow.finished_at))}`],
    ["Tickets", `${files.join(", ")}; signatures verified with the published keys`],
    ["Invoice", flow.invoice_number === null ? price : `${flow.invoice_number}, ${price}`],
    ["Messages", `${counted(sentOver(messages, "email"), "e-mail")}, ${sentOver(messages, "sms")} SMS`],
    ["Reminders", [remindersOf(messages), ...firstReminder(messages, first.timezone)].join(", ")],
    [`Gate ${first.gate}`, `${first.result}: ${first.message}`],
    [`Gate ${second.gate}`, `${second.result}: ${second.message}`],
    ["Files", `${folder}/`],
    ["Took", `${duration(total)}, start included`],
    ...pages
  ]
  return table
}

const wrapped = (text: string, width: number): ReadonlyArray<string> =>
  text.split(" ").reduce<Array<string>>((lines, word) => {
    const last = lines.at(-1)
    if (last === undefined || last.length + 1 + word.length > width) return [...lines, word]
    return [...lines.slice(0, -1), `${last} ${word}`]
  }, [])

const margin = 13

/** The table, wrapped to the terminal; `columns` 0 means that nobody wraps. */
export const summary = (findings: Findings, columns: number): ReadonlyArray<string> => {
  const width = columns === 0 ? Infinity : Math.max(20, Math.min(columns, 100) - margin - 1)
  return [
    "",
    ...rows(findings).flatMap(([name, value]) =>
      wrapped(value, width).map((line, at) => `  ${(at === 0 ? name : "").padEnd(margin - 2)}${line}`)
    ),
    "",
    findings.pages.length > 0
      ? "  The pages open until Ctrl-C."
      : "  Next: README.md says how to serve it on port 3001 and scan a ticket with curl.",
    ""
  ]
}
