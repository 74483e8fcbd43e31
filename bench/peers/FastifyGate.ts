/**
 * The gate as a good team writes it in an afternoon: Fastify, its JSON schemas, `pg` with a pool of ten and named
 * statements; one statement a scan (`cte`), or a transaction (`transaction`). Prints its address once it listens.
 */
import Fastify from "fastify"
import { randomUUID } from "node:crypto"
import process from "node:process"
import pg from "pg"
import { admit, lockTicket, logScan, parameters, useTicket } from "./PeerTables.ts"

interface Body {
  readonly ticket_code: string
  readonly event_id: number
  readonly scanner_id: string
  readonly validation_result?: string
  readonly scan_location: { readonly gate: string; readonly section?: string; readonly coordinates?: object }
  readonly scan_metadata?: object
  readonly timestamp?: string
  readonly operator_id: string
}

interface Ticket {
  readonly ticket_id: string
  readonly ticket_type: string
  readonly guest_name: string
  readonly status?: string
}

const label = { type: "string", minLength: 1, maxLength: 255 }
const body = {
  type: "object",
  required: ["ticket_code", "event_id", "scanner_id", "scan_location", "operator_id"],
  properties: {
    ticket_code: { type: "string", maxLength: 4_096 },
    event_id: { type: "integer", minimum: 1 },
    scanner_id: label,
    validation_result: label,
    scan_location: {
      type: "object",
      required: ["gate"],
      properties: {
        gate: label,
        section: label,
        coordinates: {
          type: "object",
          required: ["lat", "lng"],
          properties: { lat: { type: "number" }, lng: { type: "number" } }
        }
      }
    },
    scan_metadata: { type: "object" },
    timestamp: label,
    operator_id: label
  }
}
const text = { type: "string" }
const answer = {
  type: "object",
  properties: {
    scan_id: text,
    result: text,
    ticket_id: { type: "integer" },
    event_id: { type: "integer" },
    gate: text,
    guest_first_name: text,
    ticket_type: text,
    decided_at: text,
    message: text
  }
}

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 })

const values = (scan: Body, scanId: string, now: Date) => [
  scan.ticket_code,
  scan.event_id,
  scanId,
  scan.scanner_id,
  scan.operator_id,
  scan.scan_location.gate,
  scan.validation_result ?? null,
  JSON.stringify({
    section: scan.scan_location.section ?? null,
    coordinates: scan.scan_location.coordinates ?? null,
    metadata: scan.scan_metadata ?? null
  }),
  scan.timestamp ?? null,
  now
]

const admitText = admit(parameters)

const byStatement = async (scan: Body, scanId: string, now: Date): Promise<Ticket | undefined> => {
  const { rows } = await pool.query<Ticket>({
    name: "admit",
    text: admitText,
    values: values(scan, scanId, now)
  })
  return rows[0]
}

const byTransaction = async (scan: Body, scanId: string, now: Date): Promise<Ticket | undefined> => {
  const client = await pool.connect()
  try {
    await client.query("BEGIN")
    const { rows } = await client.query<Ticket>({
      name: "lock",
      text: lockTicket,
      values: [scan.ticket_code, scan.event_id]
    })
    const ticket = rows[0]?.status === "issued" ? rows[0] : undefined
    if (ticket !== undefined) {
      const used = [ticket.ticket_id, now, scan.scan_location.gate]
      await client.query({ name: "use", text: useTicket, values: used })
    }
    const line = [
      ...values(scan, scanId, now),
      ticket?.ticket_id ?? null,
      ticket === undefined ? "refused" : "valid"
    ]
    await client.query({ name: "log", text: logScan, values: line })
    await client.query("COMMIT")
    return ticket
  } catch (error) {
    await client.query("ROLLBACK")
    throw error
  } finally {
    client.release()
  }
}

const decide = process.argv[2] === "transaction" ? byTransaction : byStatement
const server = Fastify()

server.post<{ Body: Body }>(
  "/api/scans/validate",
  { schema: { body, response: { 200: answer } } },
  async (request) => {
    const now = new Date()
    const scanId = randomUUID()
    const ticket = await decide(request.body, scanId, now)
    return {
      scan_id: scanId,
      result: ticket === undefined ? "refused" : "valid",
      ticket_id: ticket?.ticket_id,
      event_id: request.body.event_id,
      gate: request.body.scan_location.gate,
      guest_first_name: ticket?.guest_name.split(" ")[0],
      ticket_type: ticket?.ticket_type,
      decided_at: now.toISOString(),
      message: ticket === undefined ? "Refusé." : "Bienvenue."
    }
  }
)

process.stdout.write(`${await server.listen({ host: "127.0.0.1", port: 0 })}\n`)
