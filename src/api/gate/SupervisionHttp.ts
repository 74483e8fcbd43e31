/** Answers for supervisors: each asks first whether the token supervises the event, and the gate where there is one. */
import { Clock, Effect, Option } from "effect"
import { HttpApiBuilder, HttpApiSchema } from "effect/http-api"
import { localeOf } from "../../../rpc/values/AcceptLanguage.ts"
import { rights, supervisors } from "../../../rpc/values/Caller.ts"
import type { EventId, EventNumber } from "../../../rpc/values/Ids.ts"
import { readShown } from "../../gate/reading/Reading.ts"
import { permissionOf } from "../../gate/Operators.ts"
import { scanAnswer, shown } from "../../gate/ScanAnswer.ts"
import { gateOf, named, storableJson } from "../../gate/ScanBodies.ts"
import { noStore } from "../../http/NoStore.ts"
import { RequestId } from "../../http/RequestId.ts"
import { EventNumbers } from "../../store/EventNumbers.ts"
import { type FoundGuest, GuestSearch } from "../../store/gate/GuestSearch.ts"
import { SigningKeys } from "../../trust/SigningKeys.ts"
import { apiOf } from "../rules/CoreApi.ts"
import { requireRole } from "../rules/CurrentCaller.ts"
import { nextPage, pageSize } from "../rules/NextPage.ts"
import { reach } from "../rules/OwnEvent.ts"
import { missing } from "../rules/Visible.ts"
import * as AnnulHttp from "./AnnulHttp.ts"
import { ScanBatcher } from "./ScanBatcher.ts"
import { type LetInBody, SupervisionGroup } from "./SupervisionApi.ts"

/** The first letter and the domain: enough to ask whether it is theirs. */
const hintOf = (email: string): string => email.replace(/^(.)[^@]*/su, "$1…")

const guestOf = (row: FoundGuest) => ({
  guest_id: row.guest_id,
  name: row.name,
  email_hint: hintOf(row.email),
  ticket_type: row.ticket_type,
  ticket: row.ticket_id === null || row.status === null || row.payment_state === null ? null : {
    ticket_id: row.ticket_id,
    status: row.status,
    payment_state: row.payment_state,
    inside: row.inside,
    first_use: row.first_admitted_at === null
      ? null
      : { at: row.first_admitted_at, gate: row.first_gate ?? "" }
  }
})

export const SupervisionHttpLayer = HttpApiBuilder.group(
  apiOf(SupervisionGroup),
  "supervision",
  Effect.fn(function* (handlers) {
    const reached = reach(yield* EventNumbers)
    const search = yield* GuestSearch
    const { admit } = yield* ScanBatcher
    const { trusted } = yield* SigningKeys
    const annul = yield* AnnulHttp.make

    /** The event of a supervisor's path; one that is not there and another's are not told apart. */
    const supervised = Effect.fnUntraced(function* (number: EventNumber) {
      const caller = yield* requireRole(...supervisors)
      const event = yield* reached(caller, number)
      if (Option.isNone(event)) return yield* missing("event")
      return { caller, eventId: event.value.event_id, operator: permissionOf(caller, event.value.event_id) }
    })

    const requestOf = Effect.fnUntraced(function* (body: LetInBody, number: EventNumber) {
      const { caller, eventId, operator } = yield* supervised(number)
      const read = named(readShown(body.ticket_code, body.qr_data, trusted))
      const differs = read.ticketId !== null && (body.ticket_id ?? read.ticketId) !== read.ticketId
      return {
        scanId: body.scan_id ?? (yield* RequestId),
        eventId: eventId satisfies EventId,
        ...read,
        ticketId: body.ticket_id ?? read.ticketId,
        forged: differs ? "codes_differ" : read.forged,
        deviceId: body.scanner_id,
        operator,
        gate: gateOf(body.scan_location.gate, operator),
        direction: "entry" as const,
        deviceTime: null,
        claimed: null,
        source: "client" as const,
        overruled: true,
        context: storableJson({
          operator_id: caller.subject,
          section: body.scan_location.section ?? null,
          coordinates: body.scan_location.coordinates ?? null,
          let_in_reason: body.reason
        })
      }
    })

    return handlers.handleAll({
      guests: ({ params, query: { cursor, limit = pageSize, q = "" } }) =>
        noStore(Effect.gen(function* () {
          const { eventId } = yield* supervised(params.event_id)
          const { guests, more } = yield* search.find({ eventId, sought: q, after: cursor, limit })
          const rows = guests.map((guest) => ({ seq: guest.guest_id }))
          const { headers, next_cursor } = yield* nextPage(`/api/events/${params.event_id}/guests`, {
            more,
            rows
          })
          return HttpApiSchema.withHeaders({
            body: { event_id: params.event_id, guests: guests.map(guestOf), next_cursor },
            headers
          })
        })),
      annul: ({ headers, params, payload }) =>
        Effect.gen(function* () {
          const { caller, eventId, operator } = yield* supervised(params.event_id)
          return yield* annul({
            eventId,
            scanId: params.scan_id,
            body: {
              event_id: params.event_id,
              scanner_id: "",
              operator_id: caller.subject,
              reason: payload.reason
            },
            operator,
            supervised: rights[caller.role].supervises,
            locale: localeOf(headers["accept-language"])
          })
        }),
      letIn: ({ headers, params, payload }) =>
        Effect.gen(function* () {
          const begun = yield* Clock.currentTimeMillis
          const verdict = shown(yield* admit(yield* requestOf(payload, params.event_id)), params.event_id)
          return scanAnswer(verdict, headers["accept-language"], (yield* Clock.currentTimeMillis) - begun)
        })
    })
  })
)
