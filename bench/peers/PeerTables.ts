/** The peers' tables and the one statement that admits: what a plain gate on PostgreSQL keeps. */
import { codeSql } from "../support/GateTickets.ts"

/** The tables, with this many tickets of event 1. */
export const tables = (tickets: number): ReadonlyArray<string> => [
  `CREATE TABLE tickets (
    ticket_id bigint PRIMARY KEY,
    event_id bigint NOT NULL,
    guest_id bigint NOT NULL,
    guest_name text NOT NULL,
    code text NOT NULL UNIQUE,
    ticket_type text NOT NULL,
    status text NOT NULL DEFAULT 'issued',
    admitted_at timestamptz,
    admitted_gate text
  )`,
  `CREATE TABLE scans (
    event_id bigint NOT NULL,
    scan_id text NOT NULL,
    ticket_id bigint,
    ticket_code text NOT NULL,
    device_id text NOT NULL,
    operator_id text NOT NULL,
    gate text NOT NULL,
    result text NOT NULL,
    claimed_result text,
    context jsonb NOT NULL,
    device_time timestamptz,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (event_id, scan_id)
  )`,
  `CREATE INDEX scans_ticket ON scans (ticket_id, received_at)`,
  `INSERT INTO tickets (ticket_id, event_id, guest_id, guest_name, code, ticket_type)
    SELECT n, 1, n, 'Jean Dupont', ${codeSql("1", "n")}, 'standard' FROM generate_series(1, ${tickets}) AS n`,
  `VACUUM ANALYZE`,
  `CHECKPOINT`
]

/** What is scanned, as SQL expressions. */
export interface Scan {
  readonly code: string
  readonly eventId: string
  readonly scanId: string
  readonly deviceId: string
  readonly operatorId: string
  readonly gate: string
  readonly claimed: string
  readonly context: string
  readonly deviceTime: string
  readonly receivedAt: string
}

/** The parameters of a scan's statement, in their order. */
export const parameters: Scan = {
  code: "$1::text",
  eventId: "$2::bigint",
  scanId: "$3::text",
  deviceId: "$4::text",
  operatorId: "$5::text",
  gate: "$6::text",
  claimed: "$7::text",
  context: "$8::jsonb",
  deviceTime: "$9::timestamptz",
  receivedAt: "$10::timestamptz"
}

const columns =
  `event_id, scan_id, ticket_id, ticket_code, device_id, operator_id, gate, result, claimed_result,
  context, device_time, received_at`

/** The ticket is used and the scan is logged, both or neither, in one statement. */
export const admit = (scan: Scan): string =>
  `WITH ticket AS (
  UPDATE tickets SET status = 'admitted', admitted_at = ${scan.receivedAt}, admitted_gate = ${scan.gate}
  WHERE code = ${scan.code} AND event_id = ${scan.eventId} AND status = 'issued'
  RETURNING ticket_id, ticket_type, guest_name
), logged AS (
  INSERT INTO scans (${columns})
  SELECT ${scan.eventId}, ${scan.scanId}, (SELECT ticket_id FROM ticket), ${scan.code}, ${scan.deviceId},
    ${scan.operatorId}, ${scan.gate}, CASE WHEN EXISTS (SELECT 1 FROM ticket) THEN 'valid' ELSE 'refused' END,
    ${scan.claimed}, ${scan.context}, ${scan.deviceTime}, ${scan.receivedAt}
)
SELECT ticket_id, ticket_type, guest_name FROM ticket`

/** The same as a transaction: the ticket is locked, */
export const lockTicket = `SELECT ticket_id, ticket_type, guest_name, status FROM tickets
  WHERE code = $1 AND event_id = $2 FOR UPDATE`

/** used if it was not yet, */
export const useTicket = `UPDATE tickets SET status = 'admitted', admitted_at = $2, admitted_gate = $3
  WHERE ticket_id = $1`

/** and the scan is logged. */
export const logScan = `INSERT INTO scans (${columns})
  VALUES ($2, $3, $11, $1, $4, $5, $6, $12, $7, $8, $9, $10)`
