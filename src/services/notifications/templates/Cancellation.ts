/** What a guest reads when an event does not take place: `event_cancelled`. */
import { around, whereAndWhen } from "./Template.ts"
import type { Template } from "./Template.ts"

/** The event is off: its entry leaves the calendar, the ticket opens no gate, what was paid goes back. */
export const eventCancelled: Template = {
  calendar: "canceled",
  content: {
    fr: (v) => ({
      subject: `Annulé : ${v.event ?? "votre événement"}`,
      kicker: "Annulation",
      title: `${v.event ?? "Votre événement"} n’aura pas lieu`,
      paragraphs: [
        `${v.event ?? "Votre événement"}${
          around(v.when, (w) => `, prévu le ${w},`)
        } est annulé. Votre billet n’est plus valable.`,
        "Ce qui a été payé est remboursé sur le moyen de paiement d’origine, sans que vous ayez rien à faire."
      ],
      facts: whereAndWhen.fr(v),
      sms: `${v.eventShort ?? "Votre événement"}${around(v.whenShort, (w) => ` (${w})`)} est annulé. ` +
        "Ce qui a été payé est remboursé."
    }),
    en: (v) => ({
      subject: `Canceled: ${v.event ?? "your event"}`,
      kicker: "Cancellation",
      title: `${v.event ?? "Your event"} will not take place`,
      paragraphs: [
        `${v.event ?? "Your event"}${
          around(v.when, (w) => `, planned for ${w},`)
        } is canceled. Your ticket is no longer valid.`,
        "What was paid goes back to the original means of payment; you need not do anything."
      ],
      facts: whereAndWhen.en(v),
      sms: `${v.eventShort ?? "Your event"}${around(v.whenShort, (w) => ` (${w})`)} is canceled. ` +
        "What was paid is refunded."
    })
  }
}
