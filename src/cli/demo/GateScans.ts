/** One ticket at two gates: in at the first, refused at the second. */
import { DateTime, Effect, type Schema } from "effect"
import type { TicketView } from "../../../rpc/Ticket.ts"
import { ScanAnswer } from "../../gate/ScanAnswer.ts"
import type { DemoClient } from "./DemoClient.ts"
import { DemoFailed } from "./DemoFailed.ts"
import type { Faults } from "./Expected.ts"

/** The operator of the documented scan. */
export const operatorId = "operator-123"

/** The body of the flows document, section «Flow 3», with the QR that the device read. */
export const scanBody = (ticket: TicketView, gate: string, at: DateTime.Utc): Schema.JsonObject => ({
  ticket_code: ticket.ticket_code,
  event_id: ticket.event_id,
  scanner_id: `scanner-${gate}`,
  validation_result: "valid",
  scan_location: { gate, section: ticket.ticket_type, coordinates: { lat: 48.8566, lng: 2.3522 } },
  scan_metadata: {
    device_type: "mobile_scanner",
    os_version: "iOS 15.0",
    app_version: "2.1.0",
    battery_level: 85,
    network_type: "wifi"
  },
  timestamp: DateTime.formatIso(at),
  operator_id: operatorId,
  qr_data: ticket.qr_data
})

/** A scan as it was sent and answered. */
export interface Scan {
  readonly request: Schema.JsonObject
  readonly answer: ScanAnswer
}

/** Scans at one gate; answers that are not the expected ones fail. */
export const scan = Effect.fn("GateScans.scan")(function* (
  client: DemoClient,
  ticket: TicketView,
  gate: string,
  faultsOf: (answer: ScanAnswer) => Faults
) {
  const request = scanBody(ticket, gate, yield* DateTime.now)
  const answer = yield* client.post("/api/scans/validate", request, ScanAnswer)
  const faults = faultsOf(answer)
  if (faults.length > 0) return yield* DemoFailed.of(faults)
  return { request, answer } satisfies Scan
})
