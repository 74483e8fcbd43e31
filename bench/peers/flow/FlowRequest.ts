/** The documented body of the complete flow: its type, and the JSON schema that Fastify holds it to. */

/** E-mail or SMS. */
export type Channel = "email" | "sms"

/** One who is invited. */
export interface Guest {
  readonly guest_id: number
  readonly name: string
  readonly email: string
  readonly phone: string
  readonly ticket_type: string
}

/** What is posted. */
export interface FlowRequest {
  readonly event_data: {
    readonly event_id: number
    readonly title: string
    readonly date: string
    readonly location: string
    readonly max_attendees: number
    readonly status: string
  }
  readonly guests: ReadonlyArray<Guest>
  readonly ticket_config: {
    readonly template_id: number
    readonly send_notifications: boolean
  }
  readonly payment_config: {
    readonly amount: number
    readonly currency: string
  }
  readonly notification_config: {
    readonly email_templates: ReadonlyArray<string>
    readonly sms_templates: ReadonlyArray<string>
    readonly schedule_reminders: ReadonlyArray<{
      readonly type: string
      readonly hours_before: number
      readonly channels: ReadonlyArray<Channel>
    }>
  }
  readonly orchestration_options: {
    readonly parallel_processing: boolean
    readonly error_handling: "continue_on_error" | "stop_on_error"
    readonly timeout_seconds: number
    readonly retry_failed_steps: boolean
  }
}

const text = { type: "string", minLength: 1, maxLength: 255 }
const texts = { type: "array", maxItems: 20, items: text }
const flag = { type: "boolean" }
const natural = { type: "integer", minimum: 1 }
const channel = { type: "string", enum: ["email", "sms"] }

const record = (properties: Readonly<Record<string, object>>) => ({
  type: "object",
  required: Object.keys(properties),
  properties
})

/** A body that does not match it is answered 400. */
export const flowRequestSchema = record({
  flow_type: { const: "complete_event_flow" },
  event_data: record({
    event_id: natural,
    title: text,
    date: { type: "string", format: "date-time" },
    location: text,
    max_attendees: natural,
    status: text
  }),
  guests: {
    type: "array",
    minItems: 1,
    maxItems: 1_000,
    items: record({
      guest_id: natural,
      name: text,
      email: { type: "string", format: "email" },
      phone: text,
      ticket_type: text
    })
  },
  ticket_config: record({
    template_id: natural,
    generate_qr: flag,
    generate_pdf: flag,
    send_notifications: flag
  }),
  payment_config: record({
    amount: { type: "integer", minimum: 0 },
    currency: { type: "string", pattern: "^[A-Z]{3}$" },
    method: text,
    auto_confirm: flag,
    create_invoice: flag,
    send_receipt: flag
  }),
  notification_config: record({
    email_templates: texts,
    sms_templates: texts,
    schedule_reminders: {
      type: "array",
      maxItems: 20,
      items: record({
        type: text,
        hours_before: natural,
        channels: { type: "array", items: channel }
      })
    }
  }),
  orchestration_options: record({
    parallel_processing: flag,
    error_handling: {
      type: "string",
      enum: ["continue_on_error", "stop_on_error"]
    },
    timeout_seconds: natural,
    retry_failed_steps: flag
  })
})
