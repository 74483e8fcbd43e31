/** A message as the core plans it, and the documented body it is sent with. */
import { DateTime, type Schema } from "effect"
import type { Channel } from "../../rpc/NotificationSequence.ts"
import type { Notification } from "../services/notifications/NotificationApi.ts"
import { addressField } from "../store/GuestFields.ts"
import type { Reader } from "../store/notifications/AudienceStore.ts"
import { EventId } from "../../rpc/values/Ids.ts"

type Json = Schema.Json
export type Variables = Readonly<Record<string, Json>>

/** One message to one person; `messageId` names its reason, so that the same reason sends once. */
export interface Message {
  readonly messageId: string
  readonly type: string
  readonly template: string
  readonly channel: Channel
  readonly priority: "high" | "normal" | "low"
  /** Null when the person has no address for the channel. */
  readonly recipient: string | null
  readonly eventId: EventId | null
  readonly guestId: number | null
  /** The payer's guest number, where a message to a payer is no guest's. */
  readonly payerId?: number | null
  /** Null leaves the subject to the template. */
  readonly subject: string | null
  readonly variables: Variables
  /** Why it is kept in the ledger and not sent, where the request itself leaves it out. */
  readonly leftOut?: string | undefined
}

/** `flow_1` + `event_reminder` + guest 2 + `sms` is `flow_1.event_reminder.2.sms`. */
export const messageIdOf = (
  reason: string,
  type: string,
  person: number | string,
  channel: Channel
): string => `${reason}.${type.replace(/[^\w-]+/g, "-").slice(0, 48)}.${person}.${channel}`

/** Where a guest is reached over a channel. */
export const recipientOf = (reader: Reader, channel: Channel): string | null => reader[addressField[channel]]

/** A file that goes with a message: a stored one, or the QR code of a text, drawn when it is sent. */
export type MessageFile =
  & { readonly filename: string; readonly content_type: string }
  & ({ readonly file_key: string } | { readonly qr_text: string })

/** The QR code is drawn for the message: what its job stored may be an SVG or text, which no mail client shows. */
const attachments = (
  template: string,
  channel: Channel,
  { code, file_key, qr_data }: Reader,
  data: Variables
): ReadonlyArray<MessageFile> =>
  template !== "ticket_generated" || channel !== "email" ? [] : [
    ...(data["include_pdf"] === false || file_key === null
      ? []
      : [{ filename: `${code}.pdf`, file_key, content_type: "application/pdf" }]),
    ...(data["include_qr"] === false || qr_data === null
      ? []
      : [{ filename: "qr.png", qr_text: qr_data, content_type: "image/png" }])
  ]

/** The variable that names the files of a message, where it has some. */
export const carrying = (files: ReadonlyArray<MessageFile>): Variables =>
  files.length === 0 ? {} : { attachments: files.map((file) => ({ ...file })) }

/** What a client configures names no file: a file key would open anybody's ticket. */
const withoutFiles = ({ attachments: _attachments, ...rest }: Variables): Variables => rest

/** A message to a guest: the event, the ticket and `data` (its `subject` and `personalization` included) fill it. */
export const toGuest = (
  reader: Reader,
  message: Pick<Message, "messageId" | "type" | "template" | "channel" | "priority"> & {
    readonly data: Variables
    readonly files?: ReadonlyArray<MessageFile>
  }
): Message => {
  const { data, files, ...rest } = message
  const { subject, personalization, ...own } = data
  const personal =
    typeof personalization === "object" && personalization !== null && !Array.isArray(personalization)
      ? personalization as Variables
      : {}
  const link = reader.file_url ?? reader.qr_url
  return {
    ...rest,
    recipient: recipientOf(reader, message.channel),
    eventId: reader.event_id,
    guestId: reader.guest_id,
    subject: typeof subject === "string" ? subject.slice(0, 300) : null,
    variables: {
      first_name: reader.name.split(/\s+/, 1)[0] ?? reader.name,
      event_name: reader.title,
      event_date: DateTime.formatIso(reader.starts_at),
      event_timezone: reader.timezone,
      event_location: reader.location,
      locale: reader.locale,
      ...(typeof reader.organizer === "string" ? { organizer_name: reader.organizer } : {}),
      ...withoutFiles(own),
      ...withoutFiles(personal),
      user_id: reader.guest_id,
      event_id: reader.event_number,
      event_uid: `event-${reader.event_id}`,
      ...(reader.code === null ? {} : { ticket_code: reader.code }),
      ...(link === null ? {} : { ticket_url: link }),
      ...carrying([...attachments(message.template, message.channel, reader, data), ...(files ?? [])])
    }
  }
}

/** The body of the flows document, section «Flow 5»: exactly its six fields. */
export const bodyOf = (message: Message & { readonly recipient: string }): Notification => ({
  to: message.recipient,
  subject: message.subject,
  template_id: message.template,
  variables: message.variables,
  priority: message.priority,
  scheduled_at: null
})
