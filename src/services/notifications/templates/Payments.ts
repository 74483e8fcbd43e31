/** What a payer reads when money moved: `payment_confirmation` and `refund_confirmation`. */
import { around } from "./Template.ts"
import type { Template } from "./Template.ts"

/** The payment went through; the invoice is attached or linked. */
export const paymentConfirmation: Template = {
  content: {
    fr: (v) => ({
      subject: `Paiement reçu${around(v.amount, (a) => ` : ${a}`)}`,
      kicker: "Paiement",
      title: "Merci, votre paiement est confirmé",
      paragraphs: [
        `Nous avons bien reçu votre paiement${around(v.amount, (a) => ` de ${a}`)}` +
        `${around(v.event, (e) => ` pour ${e}`)}.`,
        v.attached.pdf ? "Votre facture est jointe à ce message." : undefined
      ],
      facts: [["Montant", v.amount], ["Facture", v.invoice], ["Événement", v.event], [
        "Date de l’événement",
        v.when
      ]],
      action: { label: "Voir la facture", url: v.invoiceUrl },
      sms:
        `Paiement${around(v.amount, (a) => ` de ${a}`)} confirmé${
          around(v.eventShort, (e) => ` pour ${e}`)
        }. Merci !` +
        `${around(v.invoice, (i) => ` Facture ${i}`)}${around(v.invoiceUrl, (u) => ` ${u}`)}`
    }),
    en: (v) => ({
      subject: `Payment received${around(v.amount, (a) => `: ${a}`)}`,
      kicker: "Payment",
      title: "Thank you, your payment is confirmed",
      paragraphs: [
        `We have received your payment${around(v.amount, (a) => ` of ${a}`)}${
          around(v.event, (e) => ` for ${e}`)
        }.`,
        v.attached.pdf ? "Your invoice is attached to this message." : undefined
      ],
      facts: [["Amount", v.amount], ["Invoice", v.invoice], ["Event", v.event], ["Event date", v.when]],
      action: { label: "View the invoice", url: v.invoiceUrl },
      sms:
        `Payment${around(v.amount, (a) => ` of ${a}`)} received${
          around(v.eventShort, (e) => ` for ${e}`)
        }. Thank you!` +
        `${around(v.invoice, (i) => ` Invoice ${i}`)}${around(v.invoiceUrl, (u) => ` ${u}`)}`
    })
  }
}

/** The money is on its way back; how long it takes is the bank's. */
export const refundConfirmation: Template = {
  content: {
    fr: (v) => ({
      subject: `Remboursement effectué${around(v.amount, (a) => ` : ${a}`)}`,
      kicker: "Remboursement",
      title: "Votre remboursement est en route",
      paragraphs: [
        `Nous vous remboursons${around(v.amount, (a) => ` ${a}`)}${around(v.event, (e) => ` pour ${e}`)}.`,
        "La somme revient sur le moyen de paiement d’origine, en général sous cinq à dix jours ouvrés selon la banque.",
        v.attached.pdf ? "Votre avoir est joint à ce message." : undefined
      ],
      facts: [["Montant", v.amount], ["Document", v.invoice], ["Événement", v.event]],
      action: { label: "Voir l’avoir", url: v.invoiceUrl },
      sms: `Remboursement${around(v.amount, (a) => ` de ${a}`)} effectué` +
        `${around(v.eventShort, (e) => ` pour ${e}`)}. Comptez 5 à 10 jours ouvrés.`
    }),
    en: (v) => ({
      subject: `Refund issued${around(v.amount, (a) => `: ${a}`)}`,
      kicker: "Refund",
      title: "Your refund is on its way",
      paragraphs: [
        `We are refunding you${around(v.amount, (a) => ` ${a}`)}${around(v.event, (e) => ` for ${e}`)}.`,
        "The money returns to the original means of payment, usually within five to ten working days.",
        v.attached.pdf ? "Your credit note is attached to this message." : undefined
      ],
      facts: [["Amount", v.amount], ["Document", v.invoice], ["Event", v.event]],
      action: { label: "View the credit note", url: v.invoiceUrl },
      sms: `Refund${around(v.amount, (a) => ` of ${a}`)} issued` +
        `${around(v.eventShort, (e) => ` for ${e}`)}. Allow 5 to 10 working days.`
    })
  }
}
