/** The tables of the hand-written flow, and its statements: each is one round trip, and harmless when it runs again. */
import process from "node:process"
import pg from "pg"

/** Ten connections, as `pg` has by default. */
export const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })

/** Makes what is not there yet. */
export const tables = `
CREATE TABLE IF NOT EXISTS events (
  event_id bigint PRIMARY KEY,
  title text NOT NULL,
  starts_at timestamptz NOT NULL,
  location text NOT NULL,
  max_attendees int NOT NULL,
  status text NOT NULL
);
CREATE TABLE IF NOT EXISTS guests (
  event_id bigint NOT NULL REFERENCES events,
  guest_id bigint NOT NULL,
  name text NOT NULL,
  email text NOT NULL,
  phone text NOT NULL,
  PRIMARY KEY (event_id, guest_id)
);
CREATE TABLE IF NOT EXISTS tickets (
  ticket_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id bigint NOT NULL,
  guest_id bigint NOT NULL,
  code text NOT NULL UNIQUE,
  ticket_type text NOT NULL,
  status text NOT NULL DEFAULT 'pending',
  UNIQUE (event_id, guest_id),
  FOREIGN KEY (event_id, guest_id) REFERENCES guests
);
CREATE TABLE IF NOT EXISTS payments (
  payment_id text PRIMARY KEY,
  flow_id text NOT NULL,
  amount bigint NOT NULL,
  currency text NOT NULL,
  status text NOT NULL DEFAULT 'pending',
  settled_at timestamptz
);
CREATE TABLE IF NOT EXISTS webhooks (
  webhook_id text PRIMARY KEY,
  type text NOT NULL,
  body jsonb NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS invoice_numbers (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  last bigint NOT NULL
);
INSERT INTO invoice_numbers (last) VALUES (0) ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS invoices (
  payment_id text PRIMARY KEY REFERENCES payments,
  number bigint NOT NULL UNIQUE,
  issued_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS messages (
  message_id text PRIMARY KEY,
  flow_id text NOT NULL,
  template text NOT NULL,
  channel text NOT NULL,
  recipient text NOT NULL,
  sent_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS reminders (
  flow_id text NOT NULL,
  guest_id bigint NOT NULL,
  channel text NOT NULL,
  due_at timestamptz NOT NULL,
  status text NOT NULL DEFAULT 'scheduled',
  PRIMARY KEY (flow_id, guest_id, channel, due_at)
);
CREATE INDEX IF NOT EXISTS reminders_due ON reminders (due_at) WHERE status = 'scheduled';
CREATE TABLE IF NOT EXISTS flows (
  flow_id text PRIMARY KEY,
  event_id bigint NOT NULL,
  status text NOT NULL,
  failed_steps text[] NOT NULL,
  finished_at timestamptz NOT NULL DEFAULT now()
);`

/** Prepared once a connection under its name. */
const statement = <Row extends pg.QueryResultRow>(name: string, text: string) =>
async (
  values: ReadonlyArray<unknown>
): Promise<ReadonlyArray<Row>> => (await pool.query<Row>({ name, text, values: [...values] })).rows

export const putEvent = statement(
  "put_event",
  `INSERT INTO events (event_id, title, starts_at, location, max_attendees, status) VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT (event_id) DO UPDATE SET title = excluded.title, starts_at = excluded.starts_at,
    location = excluded.location, max_attendees = excluded.max_attendees, status = excluded.status`
)

export const putGuests = statement(
  "put_guests",
  `INSERT INTO guests (event_id, guest_id, name, email, phone)
  SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[])
  ON CONFLICT (event_id, guest_id) DO UPDATE SET name = excluded.name, email = excluded.email,
    phone = excluded.phone`
)

/** A guest keeps the code that the first run gave. */
export const putTickets = statement<
  { readonly guest_id: string; readonly code: string }
>(
  "put_tickets",
  `INSERT INTO tickets (event_id, guest_id, code, ticket_type)
  SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::text[])
  ON CONFLICT (event_id, guest_id) DO UPDATE SET ticket_type = excluded.ticket_type RETURNING guest_id, code`
)

export const issueTickets = statement(
  "issue_tickets",
  `UPDATE tickets SET status = 'issued' WHERE event_id = $1 AND guest_id = ANY ($2::bigint[])`
)

export const putPayment = statement(
  "put_payment",
  `INSERT INTO payments (payment_id, flow_id, amount, currency) VALUES ($1, $2, $3, $4)
  ON CONFLICT (payment_id) DO NOTHING`
)

/** The delivery is kept and the payment settled, both or neither. */
export const settlePayment = statement<{ readonly flow_id: string }>(
  "settle_payment",
  `WITH kept AS (
    INSERT INTO webhooks (webhook_id, type, body) VALUES ($1, $2, $3) ON CONFLICT (webhook_id) DO NOTHING
  )
  UPDATE payments SET status = 'settled', settled_at = coalesce(settled_at, now())
  WHERE payment_id = $4 RETURNING flow_id`
)

/** Numbers without a gap, one a payment. */
export const issueInvoice = statement<{ readonly number: string }>(
  "issue_invoice",
  `WITH known AS (SELECT number FROM invoices WHERE payment_id = $1), next AS (
    UPDATE invoice_numbers SET last = last + 1 WHERE NOT EXISTS (SELECT FROM known) RETURNING last
  ), issued AS (
    INSERT INTO invoices (payment_id, number) SELECT $1, last FROM next RETURNING number
  )
  SELECT number FROM known UNION ALL SELECT number FROM issued`
)

export const putMessages = statement(
  "put_messages",
  `INSERT INTO messages (message_id, flow_id, template, channel, recipient)
  SELECT id, $1, template, channel, recipient
  FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS m (id, template, channel, recipient)
  ON CONFLICT (message_id) DO NOTHING`
)

export const putReminders = statement(
  "put_reminders",
  `INSERT INTO reminders (flow_id, guest_id, channel, due_at)
  SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::timestamptz[]) ON CONFLICT DO NOTHING`
)

export const putFlow = statement(
  "put_flow",
  `INSERT INTO flows (flow_id, event_id, status, failed_steps) VALUES ($1, $2, $3, $4)
  ON CONFLICT (flow_id) DO UPDATE SET status = excluded.status, failed_steps = excluded.failed_steps`
)
