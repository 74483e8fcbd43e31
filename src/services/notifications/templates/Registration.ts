/** What a guest reads on joining: `registration_confirmation` and `welcome`. */
import { around, whereAndWhen } from "./Template.ts"
import type { Template } from "./Template.ts"

/** The registration is recorded; the ticket follows. */
export const registrationConfirmation: Template = {
  calendar: true,
  content: {
    fr: (v) => ({
      subject: `Inscription confirmée${around(v.event, (e) => ` : ${e}`)}`,
      kicker: "Inscription",
      title: "Votre place est réservée",
      paragraphs: [
        `Votre inscription${around(v.event, (e) => ` à ${e}`)} est bien enregistrée.`,
        "Votre billet vous parviendra dès qu’il sera prêt. Vous n’avez rien d’autre à faire."
      ],
      facts: whereAndWhen.fr(v),
      action: { label: "Ouvrir mon billet", url: v.ticketUrl },
      sms: `Inscription confirmée${around(v.eventShort, (e) => ` : ${e}`)}` +
        `${around(v.whenShort, (w) => `, ${w}`)}. Votre billet suivra.`
    }),
    en: (v) => ({
      subject: `Registration confirmed${around(v.event, (e) => `: ${e}`)}`,
      kicker: "Registration",
      title: "Your place is booked",
      paragraphs: [
        `Your registration${around(v.event, (e) => ` for ${e}`)} has been recorded.`,
        "Your ticket will reach you as soon as it is ready. There is nothing else to do."
      ],
      facts: whereAndWhen.en(v),
      action: { label: "Open my ticket", url: v.ticketUrl },
      sms: `Registration confirmed${around(v.eventShort, (e) => `: ${e}`)}` +
        `${around(v.whenShort, (w) => `, ${w}`)}. Your ticket will follow.`
    })
  }
}

/** The first hello, before there is anything to show at a gate. */
export const welcome: Template = {
  content: {
    fr: (v) => ({
      subject: `Bienvenue${around(v.event, (e) => ` à ${e}`)}`,
      kicker: "Bienvenue",
      title: "Ravis de vous accueillir",
      paragraphs: [
        v.event === undefined
          ? "Votre compte est prêt. Vous recevrez ici vos billets, vos factures et vos rappels."
          : `Vous suivez désormais ${v.event}. Vous recevrez ici votre billet et toutes les informations utiles.`,
        "À très bientôt."
      ],
      facts: whereAndWhen.fr(v),
      action: { label: "Ouvrir mon billet", url: v.ticketUrl },
      sms: `Bienvenue${around(v.firstName, (n) => ` ${n}`)} ! ` +
        `Vous recevrez ici les informations utiles${around(v.eventShort, (e) => ` sur ${e}`)}.`
    }),
    en: (v) => ({
      subject: `Welcome${around(v.event, (e) => ` to ${e}`)}`,
      kicker: "Welcome",
      title: "Good to have you with us",
      paragraphs: [
        v.event === undefined
          ? "Your account is ready. Your tickets, invoices and reminders will arrive here."
          : `You now follow ${v.event}. Your ticket and everything you need to know will arrive here.`,
        "See you soon."
      ],
      facts: whereAndWhen.en(v),
      action: { label: "Open my ticket", url: v.ticketUrl },
      sms: `Welcome${around(v.firstName, (n) => ` ${n}`)}! ` +
        `Everything you need to know${around(v.eventShort, (e) => ` about ${e}`)} will arrive here.`
    })
  }
}
