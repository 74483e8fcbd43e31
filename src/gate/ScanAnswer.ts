/** What a scan is answered with: the verdict, and a sentence for the steward in French or in English. */
import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { type ScanResult, Verdict } from "../../rpc/Scan.ts"
import { EventNumber } from "../../rpc/values/Ids.ts"
import type { Locale } from "../../rpc/values/Values.ts"
import { localeOf } from "../../rpc/values/AcceptLanguage.ts"

export { localeOf }

/** A verdict as it is shown: the event has the number that was asked for, never our key. */
export const ShownVerdict = Schema.Struct({ ...Verdict.fields, event_id: EventNumber })
export type ShownVerdict = typeof ShownVerdict.Type

/** The verdict under the number that was asked for. */
export const shown = (verdict: Omit<Verdict, "event_id">, number: EventNumber): ShownVerdict => ({
  ...verdict,
  event_id: number
})

/** `message` follows `Accept-Language`; `took_ms` is the time the server took. */
export const ScanAnswer = Schema.Struct({
  ...ShownVerdict.fields,
  message: Schema.String,
  took_ms: Schema.Finite
})
export type ScanAnswer = typeof ScanAnswer.Type

const encodeField = <S extends Schema.Encoder<unknown>>(
  field: S
): ((value: unknown) => unknown) | undefined =>
  SchemaAST.toEncoded(field.ast) === field.ast ? undefined : Schema.encodeUnknownSync(field)

/** The fields that JSON writes otherwise than we know them, such as instants, with their encoders. */
const encoders = Object.entries(ScanAnswer.fields).flatMap(([name, field]) => {
  const encode = encodeField(field)
  return encode === undefined ? [] : [[name, encode] as const]
})

/**
 * The answer as JSON, as `ScanAnswer` encodes it. A field that JSON writes as we know it was made by us and is not looked
 * at again (`test/gate/ScanAnswer.test.ts` compares the two).
 */
export const answerJson = (answer: ScanAnswer): string => {
  const encoded: Record<string, unknown> = { ...answer }
  for (const [name, encode] of encoders) encoded[name] = encode(encoded[name])
  return JSON.stringify(encoded)
}

type Sentence = (verdict: ShownVerdict) => string

const tags = { fr: "fr-FR", en: "en-GB" } as const

/** Instants for people in the event's own zone, such as `20 juin 2025 à 11:00`. */
export const momentsIn = (locale: Locale, timeZone: string): (at: DateTime.Utc) => string => {
  const format = new Intl.DateTimeFormat(tags[locale], { dateStyle: "long", timeStyle: "short", timeZone })
  return (at) => format.format(DateTime.toEpochMillis(at))
}

const when = (locale: Locale, at: DateTime.Utc, timeZone: string): string => momentsIn(locale, timeZone)(at)

const fr: Readonly<Record<ScanResult, Sentence>> = {
  valid: ({ direction, guest_first_name, ticket_type }) =>
    direction === "entry"
      ? `Bienvenue ${guest_first_name ?? ""}, billet ${ticket_type ?? ""}.`
      : `Sortie enregistrée, à bientôt ${guest_first_name ?? ""}.`,
  already_used: ({ first_use, read_again_seconds, timezone }) =>
    read_again_seconds !== undefined
      ? `Relu à cette porte à l'instant : ce billet y est entré il y a ${read_again_seconds} s.`
      : first_use === null
      ? "Ce billet a déjà été utilisé."
      : `Ce billet a déjà été utilisé le ${when("fr", first_use.at, timezone)}, porte ${first_use.gate}.`,
  unknown_ticket: ({ codes_differ }) =>
    codes_differ === true
      ? "Le code et le QR code sont de deux billets : scannez à nouveau."
      : "Aucun billet ne porte ce code.",
  wrong_event: () => "Ce billet est pour un autre événement.",
  voided: () => "Ce billet a été annulé.",
  unpaid: () => "Ce billet n'est pas payé.",
  not_yet_valid: () => "Les portes ne sont pas encore ouvertes.",
  expired: () => "Les portes sont fermées.",
  unknown_event: ({ event_id }) =>
    `Aucun événement ne porte le numéro ${event_id} : vérifiez le réglage du lecteur.`,
  event_inactive: () => "L'événement n'est pas ouvert aux entrées.",
  capacity_reached: () => "La salle est pleine : attendez une sortie.",
  operator_forbidden: () => "Vous n'êtes pas autorisé à contrôler cet événement.",
  gate_forbidden: ({ gate }) => `Vous n'êtes pas autorisé à contrôler la porte ${gate}.`,
  forged: () => "Ce QR code n'a pas été émis par nous.",
  suspected_fraud: () => "Fraude possible : appelez un responsable.",
  not_inside: () => "Ce billet n'est pas à l'intérieur.",
  scan_id_reused: () => "Ce numéro de scan a déjà servi pour un autre passage : scannez à nouveau.",
  scan_annulled: () => "Ce scan a été annulé : scannez à nouveau.",
  refused_offline: () => "Le contrôle hors ligne avait refusé ce billet : personne n'est entré.",
  unreadable: () =>
    "Lecture brouillée : vérifiez la disposition du clavier du lecteur, puis scannez à nouveau."
}

const en: Readonly<Record<ScanResult, Sentence>> = {
  valid: ({ direction, guest_first_name, ticket_type }) =>
    direction === "entry"
      ? `Welcome ${guest_first_name ?? ""}, ${ticket_type ?? ""} ticket.`
      : `Exit noted, see you soon ${guest_first_name ?? ""}.`,
  already_used: ({ first_use, read_again_seconds, timezone }) =>
    read_again_seconds !== undefined
      ? `Read again at this gate a moment ago: this ticket came in here ${read_again_seconds} s ago.`
      : first_use === null
      ? "This ticket has already been used."
      : `This ticket was already used on ${when("en", first_use.at, timezone)} at gate ${first_use.gate}.`,
  unknown_ticket: ({ codes_differ }) =>
    codes_differ === true
      ? "The code and the QR code are of two tickets: scan again."
      : "No ticket has this code.",
  wrong_event: () => "This ticket is for another event.",
  voided: () => "This ticket has been cancelled.",
  unpaid: () => "This ticket has not been paid for.",
  not_yet_valid: () => "The doors are not open yet.",
  expired: () => "The doors are closed.",
  unknown_event: ({ event_id }) => `No event has the number ${event_id}: check the scanner's settings.`,
  event_inactive: () => "The event is not open for entry.",
  capacity_reached: () => "The house is full: wait until someone leaves.",
  operator_forbidden: () => "You may not scan at this event.",
  gate_forbidden: ({ gate }) => `You may not scan at gate ${gate}.`,
  forged: () => "This QR code was not issued by us.",
  suspected_fraud: () => "Possible fraud: call a supervisor.",
  not_inside: () => "This ticket is not inside.",
  scan_id_reused: () => "This scan number was used for another passage: scan again.",
  scan_annulled: () => "This scan was annulled: scan again.",
  refused_offline: () => "The device refused this ticket while offline: nobody went in.",
  unreadable: () => "The reading is garbled: check the scanner's keyboard layout, then scan again."
}

const sentences = { fr, en }

/** The sentence for a verdict. */
export const sentence = (verdict: ShownVerdict, locale: Locale): string =>
  sentences[locale][verdict.result](verdict)

/** Before the reason why it should not have been. */
const letIn = { fr: "Entrée accordée par un responsable.", en: "Let in by a supervisor." } as const

/** The answer to a scan that was decided as this verdict in so many milliseconds. */
export const scanAnswer = (
  verdict: ShownVerdict,
  acceptLanguage: string | undefined,
  took_ms: number
): ScanAnswer => {
  const locale = localeOf(acceptLanguage)
  const begin = verdict.let_in === true ? `${letIn[locale]} ` : ""
  return { ...verdict, message: begin + sentence(verdict, locale), took_ms }
}
