/** What becomes of each field of a guest: how it is stored, what erasing leaves of it, and who prints it. */
import type { GuestData } from "../../rpc/Event.ts"
import type { Channel } from "../../rpc/NotificationSequence.ts"

interface GuestField {
  /** Its column in `guests`, which has the field's name. */
  readonly type: "bigint" | "text"
  /** What is stored when the guest is registered (`g`), perhaps again (`known`). */
  readonly value: string
  /** What erasing the person leaves: the value, which names nobody; a pseudonym; or nothing. */
  readonly erased: "kept" | "pseudonym" | "nothing"
  /** What brings it to the ticket: the documented job, the print details, or nothing. */
  readonly printed: "job" | "details" | "never"
}

/** Every field of `GuestData`. */
export const guestFields = {
  guest_id: { type: "bigint", value: "g.guest_id", erased: "kept", printed: "never" },
  name: { type: "text", value: "g.name", erased: "pseudonym", printed: "job" },
  email: { type: "text", value: "g.email", erased: "pseudonym", printed: "job" },
  phone: { type: "text", value: "g.phone", erased: "nothing", printed: "job" },
  ticket_type: { type: "text", value: "g.ticket_type", erased: "kept", printed: "details" },
  locale: {
    type: "text",
    value: "coalesce(g.locale, known.locale, 'fr')",
    erased: "kept",
    printed: "details"
  }
} as const satisfies Readonly<Record<keyof GuestData, GuestField>>

type Fields = typeof guestFields
type Name = keyof Fields

/** The fields that erasing replaces by a pseudonym. */
export type PseudonymField = {
  readonly [N in Name]: Fields[N]["erased"] extends "pseudonym" ? N : never
}[Name]

/** The fields that the print details bring to a ticket. */
export type DetailField = { readonly [N in Name]: Fields[N]["printed"] extends "details" ? N : never }[Name]

export const guestFieldNames = Object.keys(guestFields) as ReadonlyArray<Name>

/** The fields of which erasing leaves nothing. */
export const erasedFields = guestFieldNames.filter((name) => guestFields[name].erased === "nothing")

/** Which field is a guest's address on a channel. */
export const addressField = { email: "email", sms: "phone" } as const satisfies Readonly<
  Record<Channel, Name>
>
