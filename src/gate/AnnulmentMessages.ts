/** What the steward reads when a scan is not annulled: what to do now, in French and in English. */
import type { AnnulRefusal } from "../../rpc/Event.ts"
import type { Locale } from "../../rpc/values/Values.ts"

/** Everything that keeps a scan as it is, the unknown scan and the operator's permission included. */
export type AnnulObstacle = AnnulRefusal | "unknown_scan" | "operator_forbidden" | "gate_forbidden"

const fr: Readonly<Record<AnnulObstacle, string>> = {
  unknown_scan: "Aucun scan de cet événement ne porte ce numéro : vérifiez-le.",
  another_device: "Un autre appareil a fait ce scan : annulez-le depuis celui-là.",
  too_late: "Ce scan a plus de 15 minutes : appelez un responsable.",
  not_admitted: "Ce scan n'a laissé passer personne : scannez le billet à nouveau.",
  moved_since: "Ce billet a passé une porte depuis : annulez d'abord son dernier passage.",
  capacity_reached: "La salle est pleine : attendez une sortie, puis annulez à nouveau.",
  operator_forbidden: "Vous n'êtes pas autorisé à contrôler cet événement : appelez un responsable.",
  gate_forbidden: "Vous n'êtes pas autorisé à contrôler la porte de ce scan : appelez un responsable."
}

const en: Readonly<Record<AnnulObstacle, string>> = {
  unknown_scan: "No scan of this event has this number: check it.",
  another_device: "Another device made this scan: annul it on that one.",
  too_late: "This scan is more than 15 minutes old: call a supervisor.",
  not_admitted: "This scan let nobody pass: scan the ticket again.",
  moved_since: "This ticket has passed a gate since: annul its latest passage first.",
  capacity_reached: "The house is full: wait until someone leaves, then annul the scan again.",
  operator_forbidden: "You may not scan at this event: call a supervisor.",
  gate_forbidden: "You may not scan at the gate of this scan: call a supervisor."
}

const sentences = { fr, en }

/** The sentence for an obstacle. */
export const annulSentence = (obstacle: AnnulObstacle, locale: Locale): string => sentences[locale][obstacle]
