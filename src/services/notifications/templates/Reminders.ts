/** What a guest reads before the doors open: `event_reminder`. */
import { around, whereAndWhen } from "./Template.ts"
import type { Template } from "./Template.ts"

const inFrench = (hours: number | undefined) =>
  hours === undefined ?
    "bientôt" :
    hours === 1 ?
    "dans 1 heure"
    : hours >= 48 && hours % 24 === 0
    ? `dans ${hours / 24} jours`
    : `dans ${hours} heures`

const inEnglish = (hours: number | undefined) =>
  hours === undefined ?
    "soon" :
    hours === 1 ?
    "in 1 hour"
    : hours >= 48 && hours % 24 === 0
    ? `in ${hours / 24} days`
    : `in ${hours} hours`

/** The event is near: when, where, and the ticket to bring. */
export const eventReminder: Template = {
  id: "event_reminder",
  calendar: true,
  reminder: true,
  content: {
    fr: (v) => ({
      subject: `Rappel : ${v.event ?? "votre événement"} commence ${inFrench(v.hours)}`,
      kicker: "Rappel",
      title: `C’est ${inFrench(v.hours)}`,
      paragraphs: [
        `${v.event ?? "Votre événement"} commence ${inFrench(v.hours)}. Nous avons hâte de vous y voir.`,
        v.attached.qr
          ? "Gardez ce QR code à portée de main : il vous sera demandé à l’entrée."
          : "Pensez à votre billet : il vous sera demandé à l’entrée."
      ],
      facts: whereAndWhen.fr(v),
      stub: { label: "Code du billet", code: v.code, qr: v.attached.qr },
      action: { label: "Ouvrir mon billet", url: v.ticketUrl },
      sms: `Rappel : ${v.eventShort ?? "votre événement"} commence ${inFrench(v.hours)}` +
        `${around(v.whenShort, (w) => ` (${w})`)}${around(v.where, (l) => `, ${l}`)}.` +
        `${around(v.ticketUrl, (u) => ` Billet : ${u}`)}`
    }),
    en: (v) => ({
      subject: `Reminder: ${v.event ?? "your event"} starts ${inEnglish(v.hours)}`,
      kicker: "Reminder",
      title: `It starts ${inEnglish(v.hours)}`,
      paragraphs: [
        `${v.event ?? "Your event"} starts ${inEnglish(v.hours)}. We look forward to seeing you there.`,
        v.attached.qr
          ? "Keep this QR code at hand: you will be asked for it at the gate."
          : "Remember your ticket: you will be asked for it at the gate."
      ],
      facts: whereAndWhen.en(v),
      stub: { label: "Ticket code", code: v.code, qr: v.attached.qr },
      action: { label: "Open my ticket", url: v.ticketUrl },
      sms: `Reminder: ${v.eventShort ?? "your event"} starts ${inEnglish(v.hours)}` +
        `${around(v.whenShort, (w) => ` (${w})`)}${around(v.where, (l) => `, ${l}`)}.` +
        `${around(v.ticketUrl, (u) => ` Ticket: ${u}`)}`
    })
  }
}
