/** The documented request of flow 6, kept as code so that the demonstration finds it in any installation. */
import { DateTime } from "effect"

/** The body of the flows document, section «Flow 6»; its event was in 2025. */
export const documentedBody = {
  flow_type: "complete_event_flow",
  event_data: {
    event_id: 1,
    title: "Tech Conference 2025",
    date: "2025-06-20T09:00:00Z",
    location: "Paris Expo Porte de Versailles",
    max_attendees: 500,
    status: "active"
  },
  guests: [
    {
      guest_id: 1,
      name: "John Doe",
      email: "john@example.com",
      phone: "+33612345678",
      ticket_type: "VIP"
    },
    {
      guest_id: 2,
      name: "Jane Smith",
      email: "jane@example.com",
      phone: "+33687654321",
      ticket_type: "Standard"
    }
  ],
  ticket_config: {
    template_id: 1,
    generate_qr: true,
    generate_pdf: true,
    send_notifications: true,
    batch_processing: true,
    priority: "high"
  },
  payment_config: {
    amount: 9999,
    currency: "EUR",
    method: "stripe",
    auto_confirm: true,
    create_invoice: true,
    send_receipt: true
  },
  notification_config: {
    email_templates: [
      "registration_confirmation",
      "ticket_generated",
      "payment_confirmation",
      "event_reminder"
    ],
    sms_templates: ["event_reminder", "ticket_alert"],
    schedule_reminders: [
      {
        type: "event_reminder",
        hours_before: 24,
        channels: ["email", "sms"]
      },
      {
        type: "event_reminder",
        hours_before: 2,
        channels: ["sms"]
      }
    ]
  },
  orchestration_options: {
    parallel_processing: true,
    error_handling: "continue_on_error",
    timeout_seconds: 300,
    retry_failed_steps: true
  }
}

const daysAhead = 42

/** The documented body with its event six weeks after `now`, at the documented hour, so that its reminders are still to come. */
export const upcomingBody = (now: DateTime.Utc): typeof documentedBody => {
  const { event_data: event } = documentedBody
  const hour = DateTime.toParts(DateTime.makeUnsafe(event.date)).hour
  const date = DateTime.add(DateTime.startOf(now, "day"), { days: daysAhead, hours: hour })
  const year = String(DateTime.getPart(date, "year"))
  return {
    ...documentedBody,
    event_data: {
      ...event,
      title: event.title.replace("2025", year),
      date: DateTime.formatIso(date).replace(".000Z", "Z")
    }
  }
}
