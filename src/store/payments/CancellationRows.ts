/** The rows of an event that is called off: itself, its progress, its guests. */
import { Schema } from "effect"
import { CanceledGuest } from "../../../rpc/EventCancellation.ts"
import { EventId, EventNumber } from "../../../rpc/values/Ids.ts"
import * as Rows from "../Rows.ts"

export const Cancellation = Schema.Struct({
  event_id: EventId,
  cancellation_id: Schema.String,
  owner: Schema.String,
  reason: Schema.String,
  status: Schema.Literals(["running", "finished"])
})
export type Cancellation = typeof Cancellation.Type

export const ViewRow = Schema.Struct({
  event_id: EventNumber,
  status: Schema.NullOr(Schema.Literals(["running", "finished"])),
  reason: Schema.NullOr(Schema.String),
  asked_by: Schema.NullOr(Schema.String),
  created_at: Rows.AtOrNull,
  finished_at: Rows.AtOrNull,
  guests: Schema.Int,
  tickets_voided: Schema.Int,
  payments: Schema.Int,
  refunded: Schema.Int,
  refunds: Schema.Record(Schema.String, Schema.Int),
  credit_notes: Schema.Int,
  told: Schema.Int,
  untold: Schema.Int
})

export const GuestRow = Schema.Struct({ ...CanceledGuest.fields, seq: Schema.Int })

export const IdRow = Schema.Struct({ id: Schema.Int })
export const PaymentIdRow = Schema.Struct({ payment_id: Schema.String })
export const LeftRow = Schema.Struct({ left: Schema.Int })
