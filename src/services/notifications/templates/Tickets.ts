/** What a guest reads when a ticket exists: `ticket_generated` and `ticket_alert`. */
import { around, whereAndWhen } from "./Template.ts"
import type { Content, Template } from "./Template.ts"
import type { View } from "./View.ts"

const fr = (v: View): Omit<Content, "sms"> => ({
  subject: `Votre billet${around(v.event, (e) => ` pour ${e}`)}`,
  kicker: "Billet",
  title: "Votre billet est prêt",
  paragraphs: [
    `Voici votre billet${around(v.event, (e) => ` pour ${e}`)}.`,
    v.attached.qr
      ? "Présentez ce QR code à l’entrée, sur votre téléphone ou imprimé."
      : "Présentez votre billet à l’entrée, sur votre téléphone ou imprimé.",
    v.attached.pdf ? "La version PDF est jointe à ce message." : undefined
  ],
  stub: { label: "Code du billet", code: v.code, qr: v.attached.qr },
  facts: whereAndWhen.fr(v),
  action: { label: "Ouvrir mon billet", url: v.ticketUrl },
  note: "Ce billet est personnel : qui montre ce code entre à votre place. Ne le publiez pas."
})

const en = (v: View): Omit<Content, "sms"> => ({
  subject: `Your ticket${around(v.event, (e) => ` for ${e}`)}`,
  kicker: "Ticket",
  title: "Your ticket is ready",
  paragraphs: [
    `Here is your ticket${around(v.event, (e) => ` for ${e}`)}.`,
    v.attached.qr
      ? "Show this QR code at the gate, on your phone or on paper."
      : "Show your ticket at the gate, on your phone or on paper.",
    v.attached.pdf ? "The PDF version is attached to this message." : undefined
  ],
  stub: { label: "Ticket code", code: v.code, qr: v.attached.qr },
  facts: whereAndWhen.en(v),
  action: { label: "Open my ticket", url: v.ticketUrl },
  note: "This ticket is yours alone: whoever shows this code enters in your place. Do not publish it."
})

/** The ticket itself: code, QR inline, PDF attached, calendar entry. */
export const ticketGenerated: Template = {
  calendar: true,
  content: {
    fr: (v) => ({
      ...fr(v),
      sms:
        `Votre billet${around(v.eventShort, (e) => ` pour ${e}`)}${
          around(v.whenShort, (w) => ` (${w})`)
        } est disponible.` +
        `${around(v.code, (c) => ` Code ${c}`)}${around(v.ticketUrl, (u) => ` ${u}`)}`
    }),
    en: (v) => ({
      ...en(v),
      sms:
        `Your ticket${around(v.eventShort, (e) => ` for ${e}`)}${
          around(v.whenShort, (w) => ` (${w})`)
        } is ready.` +
        `${around(v.code, (c) => ` Code ${c}`)}${around(v.ticketUrl, (u) => ` ${u}`)}`
    })
  }
}

/** The short form for a phone: the ticket is there, and where. */
export const ticketAlert: Template = {
  content: {
    fr: (v) => ({
      ...fr(v),
      sms: `Billet disponible${around(v.eventShort, (e) => ` : ${e}`)}.` +
        `${around(v.ticketUrl, (u) => ` ${u}`)}${around(v.code, (c) => ` Code ${c}`)}`
    }),
    en: (v) => ({
      ...en(v),
      sms: `Ticket available${around(v.eventShort, (e) => `: ${e}`)}.` +
        `${around(v.ticketUrl, (u) => ` ${u}`)}${around(v.code, (c) => ` Code ${c}`)}`
    })
  }
}
