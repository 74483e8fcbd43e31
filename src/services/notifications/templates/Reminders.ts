/** What a guest reads before the doors open: `event_reminder`. */
import { around, whereAndWhen } from "./Template.ts"
import type { Template } from "./Template.ts"

/** Ever coarser the further away it is, so that a message which took its time is still right: minutes. */
const rounded = (hours: number): number => {
  const minutes = Math.round(hours * 60)
  const step = minutes < 10 ? 1 : minutes < 60 ? 5 : minutes < 360 ? 15 : 60
  return Math.round(minutes / step) * step
}

const plural = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`

const inFrench = (left: number | undefined): string => {
  if (left === undefined) return "bientôt"
  const minutes = rounded(left)
  if (minutes <= 0) return "maintenant"
  if (minutes < 60) return `dans ${plural(minutes, "minute", "minutes")}`
  const hours = Math.floor(minutes / 60)
  if (hours >= 48 && hours % 24 === 0) return `dans ${hours / 24} jours`
  return `dans ${plural(hours, "heure", "heures")}${minutes % 60 === 0 ? "" : ` ${minutes % 60}`}`
}

const inEnglish = (left: number | undefined): string => {
  if (left === undefined) return "soon"
  const minutes = rounded(left)
  if (minutes <= 0) return "now"
  if (minutes < 60) return `in ${plural(minutes, "minute", "minutes")}`
  const hours = Math.floor(minutes / 60)
  if (hours >= 48 && hours % 24 === 0) return `in ${hours / 24} days`
  return `in ${plural(hours, "hour", "hours")}${minutes % 60 === 0 ? "" : ` ${minutes % 60} minutes`}`
}

/** The event is near: when, where, and the ticket to bring. */
export const eventReminder: Template = {
  calendar: true,
  reminder: true,
  content: {
    fr: (v) => ({
      subject: `Rappel : ${v.event ?? "votre événement"} commence ${inFrench(v.hoursLeft)}`,
      kicker: "Rappel",
      title: `C’est ${inFrench(v.hoursLeft)}`,
      paragraphs: [
        `${v.event ?? "Votre événement"} commence ${inFrench(v.hoursLeft)}. Nous avons hâte de vous y voir.`,
        v.attached.qr
          ? "Gardez ce QR code à portée de main : il vous sera demandé à l’entrée."
          : "Pensez à votre billet : il vous sera demandé à l’entrée."
      ],
      facts: whereAndWhen.fr(v),
      stub: { label: "Code du billet", code: v.code, qr: v.attached.qr },
      action: { label: "Ouvrir mon billet", url: v.ticketUrl },
      sms: `Rappel : ${v.eventShort ?? "votre événement"} commence ${inFrench(v.hoursLeft)}` +
        `${around(v.whenShort, (w) => ` (${w})`)}${around(v.where, (l) => `, ${l}`)}.` +
        `${around(v.ticketUrl, (u) => ` Billet : ${u}`)}`
    }),
    en: (v) => ({
      subject: `Reminder: ${v.event ?? "your event"} starts ${inEnglish(v.hoursLeft)}`,
      kicker: "Reminder",
      title: `It starts ${inEnglish(v.hoursLeft)}`,
      paragraphs: [
        `${v.event ?? "Your event"} starts ${inEnglish(v.hoursLeft)}. We look forward to seeing you there.`,
        v.attached.qr
          ? "Keep this QR code at hand: you will be asked for it at the gate."
          : "Remember your ticket: you will be asked for it at the gate."
      ],
      facts: whereAndWhen.en(v),
      stub: { label: "Ticket code", code: v.code, qr: v.attached.qr },
      action: { label: "Open my ticket", url: v.ticketUrl },
      sms: `Reminder: ${v.eventShort ?? "your event"} starts ${inEnglish(v.hoursLeft)}` +
        `${around(v.whenShort, (w) => ` (${w})`)}${around(v.where, (l) => `, ${l}`)}.` +
        `${around(v.ticketUrl, (u) => ` Ticket: ${u}`)}`
    })
  }
}
