/** The messages of a flow: e-mails composed by nodemailer with what they carry, and texts of SMS. */
import { createTransport, type SendMailOptions } from "nodemailer"
import { dateOf, priceOf } from "./Documents.ts"
import { document, type Named, post } from "./Files.ts"
import type { Channel, FlowRequest, Guest } from "./FlowRequest.ts"

/** A message by the id that keeps it to one. */
export interface Message {
  readonly id: string
  readonly template: string
  readonly channel: Channel
  readonly recipient: string
  readonly guest: Guest
}

/** The names of a guest's documents and of a payment's invoice. */
export const names = {
  qr: (eventId: number, guestId: number) => `ticket-${eventId}-${guestId}.png`,
  ticket: (eventId: number, guestId: number) => `ticket-${eventId}-${guestId}.pdf`,
  invoice: (paymentId: string) => `invoice-${paymentId}.pdf`
}

const aboutTickets = new Set(["ticket_generated", "ticket_alert"])
const ofThisStep = new Set([
  "registration_confirmation",
  "ticket_generated",
  "payment_confirmation",
  "ticket_alert"
])

/** To every guest what was asked for, the receipt to the payer alone; reminders are sent at their time. */
export const messagesOf = (
  flowId: string,
  {
    guests,
    notification_config: config,
    ticket_config: { send_notifications }
  }: FlowRequest,
  done: { readonly tickets: boolean; readonly payment: boolean }
): ReadonlyArray<Message> =>
  guests.flatMap((guest, at) => {
    const over = (channel: Channel, templates: ReadonlyArray<string>) =>
      templates.filter((template) =>
        ofThisStep.has(template) &&
        (!aboutTickets.has(template) || (send_notifications && done.tickets)) &&
        (template !== "payment_confirmation" || (at === 0 && done.payment))
      ).map((template): Message => ({
        id: `${flowId}-${template}-${guest.guest_id}-${channel}`,
        template,
        channel,
        recipient: channel === "email" ? guest.email : guest.phone,
        guest
      }))
    return [
      ...over("email", config.email_templates),
      ...over("sms", config.sms_templates)
    ]
  })

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;"
}
const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, (found) => escapes[found] ?? found)

const page = (
  title: string,
  paragraphs: ReadonlyArray<string>,
  extra = ""
): string =>
  `<!doctype html><html lang="fr"><head><meta charset="utf-8"><title>${escaped(title)}</title></head>
<body style="margin:0;background:#f2f3f7;font-family:Helvetica,Arial,sans-serif;color:#1c2030">
<table role="presentation" width="100%"><tr><td align="center" style="padding:24px">
<table role="presentation" width="560" style="background:#fff;border-radius:12px"><tr><td style="padding:32px">
<h1 style="font-size:22px;margin:0 0 16px">${escaped(title)}</h1>
${paragraphs.map((text) => `<p style="font-size:15px;line-height:1.5">${escaped(text)}</p>`).join("\n")}
${extra}</td></tr></table></td></tr></table></body></html>`

type Letter = Pick<
  SendMailOptions,
  "subject" | "text" | "html" | "attachments"
>

const letter = (
  subject: string,
  paragraphs: ReadonlyArray<string>,
  more: Letter = {},
  extra?: string
): Letter => ({
  subject,
  text: paragraphs.join("\n\n"),
  html: page(subject, paragraphs, extra),
  ...more
})

const letterOf = async (
  paymentId: string,
  request: FlowRequest,
  { guest, template }: Message
): Promise<Letter> => {
  const { event_data: event, payment_config: payment } = request
  const hello = `Bonjour ${guest.name},`
  const where = `${event.title}, ${dateOf(event)}, ${event.location}.`
  switch (template) {
    case "ticket_generated": {
      const [qr, ticket] = await Promise.all([
        document(names.qr(event.event_id, guest.guest_id)),
        document(names.ticket(event.event_id, guest.guest_id))
      ])
      const attachments = [
        { filename: "billet.png", content: Buffer.from(qr), cid: "qr" },
        { filename: "billet.pdf", content: Buffer.from(ticket) }
      ]
      const image = `<img src="cid:qr" width="200" height="200" alt="QR">`
      return letter(
        `Votre billet pour ${event.title}`,
        [hello, "Voici votre billet.", where],
        { attachments },
        image
      )
    }
    case "payment_confirmation": {
      const content = Buffer.from(await document(names.invoice(paymentId)))
      const paid = `Nous avons reçu votre paiement de ${priceOf(payment)}.`
      return letter("Votre paiement est confirmé", [hello, paid], {
        attachments: [{ filename: "facture.pdf", content }]
      })
    }
    default:
      return letter(`Votre inscription à ${event.title}`, [
        hello,
        "Votre inscription est confirmée.",
        where
      ])
  }
}

const composer = createTransport({
  streamTransport: true,
  buffer: true,
  newline: "windows"
})

const compose = async (
  paymentId: string,
  request: FlowRequest,
  message: Message
): Promise<Named> => {
  if (message.channel === "sms") {
    const text = `${message.recipient}\nVotre billet pour ${request.event_data.title} est disponible.\n`
    return {
      name: `${message.id}.sms.txt`,
      bytes: new TextEncoder().encode(text)
    }
  }
  const sent = await composer.sendMail({
    messageId: `<${message.id}@bench.example>`,
    from: "Billetterie <billets@bench.example>",
    to: message.recipient,
    ...await letterOf(paymentId, request, message)
  })
  return { name: `${message.id}.eml`, bytes: sent.message as Buffer }
}

/** Composes them and puts each into the outbox; an id is one file, so a second run replaces the first. */
export const send = async (
  paymentId: string,
  request: FlowRequest,
  messages: ReadonlyArray<Message>
): Promise<void> => {
  await Promise.all(
    messages.map(async (message) => post(await compose(paymentId, request, message)))
  )
}
