/**
 * Refunds and disputes by name, documents that take a credit note back, and events that are called off. Each payment event
 * has the place at which it was received. What a payment's corrections come to stays between nothing and its invoice.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

const statements = [
  `ALTER TABLE payment_events ADD COLUMN seq bigint GENERATED ALWAYS AS IDENTITY`,
  `ALTER TABLE payments ADD COLUMN seq bigint GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN refunded_through bigint NOT NULL DEFAULT 0`,
  `UPDATE payments p SET refunded_through = greatest(p.amount_refunded,
    (SELECT max(i.credited_through) FROM invoices i WHERE i.payment_id = p.payment_id))`,
  `CREATE UNIQUE INDEX payments_seq ON payments (seq)`,
  `CREATE INDEX payments_list ON payments (owner, seq)`,
  `CREATE INDEX payments_event ON payments (event_id, seq)`,

  `ALTER TABLE invoices DISABLE TRIGGER invoices_stay`,
  `ALTER TABLE invoices ADD COLUMN seq bigint, ADD COLUMN correction integer,
    DROP CONSTRAINT invoices_credit`,
  `UPDATE invoices i SET seq = o.seq, correction = CASE WHEN i.corrects IS NULL THEN NULL ELSE o.nth END
    FROM (SELECT number, row_number() OVER (ORDER BY issued_at, issuer, sequence) AS seq,
        row_number() OVER (PARTITION BY payment_id, corrects IS NULL ORDER BY credited_through) AS nth
      FROM invoices) o
    WHERE o.number = i.number`,
  `ALTER TABLE invoices ENABLE TRIGGER invoices_stay`,
  `CREATE SEQUENCE invoices_seq OWNED BY invoices.seq`,
  `SELECT setval('invoices_seq', (SELECT coalesce(max(seq), 0) + 1 FROM invoices), false)`,
  `ALTER TABLE invoices ALTER COLUMN seq SET DEFAULT nextval('invoices_seq'), ALTER COLUMN seq SET NOT NULL,
    ADD CONSTRAINT invoices_credit CHECK ((corrects IS NULL) = (credited IS NULL)
      AND (corrects IS NULL) = (credited_through IS NULL) AND (corrects IS NULL) = (correction IS NULL)
      AND credited <> 0)`,
  `DROP INDEX invoices_credit_notes`,
  `CREATE UNIQUE INDEX invoices_corrections ON invoices (payment_id, correction) WHERE corrects IS NOT NULL`,
  `CREATE UNIQUE INDEX invoices_seq_key ON invoices (seq)`,
  `CREATE INDEX invoices_list ON invoices (owner, seq)`,
  `CREATE FUNCTION guichet_corrections_fit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF (SELECT coalesce(sum(credited), 0) + NEW.credited NOT BETWEEN 0
          AND (SELECT (document -> 'totals' ->> 'gross')::bigint FROM invoices WHERE number = NEW.corrects)
        FROM invoices WHERE corrects = NEW.corrects) THEN
        RAISE EXCEPTION 'corrections come to more than their invoice, or to less than nothing'
          USING ERRCODE = 'check_violation';
      END IF;
      RETURN NEW;
    END $$`,
  `CREATE TRIGGER invoices_corrections_fit BEFORE INSERT ON invoices
    FOR EACH ROW WHEN (NEW.corrects IS NOT NULL) EXECUTE FUNCTION guichet_corrections_fit()`,

  `CREATE TABLE refunds (
    refund_id text PRIMARY KEY,
    payment_id text NOT NULL REFERENCES payments,
    name text,
    gateway_ref text,
    owner text,
    event_id bigint,
    amount bigint NOT NULL CHECK (amount > 0),
    currency text NOT NULL,
    reason text NOT NULL,
    ticket_ids bigint[] NOT NULL DEFAULT '{}',
    origin text NOT NULL,
    asked_by text,
    status text NOT NULL,
    failure text,
    attempts integer NOT NULL DEFAULT 0,
    next_at timestamptz,
    asked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    seq bigint GENERATED ALWAYS AS IDENTITY,
    UNIQUE (payment_id, name),
    UNIQUE (payment_id, gateway_ref),
    UNIQUE (seq)
  )`,
  `CREATE INDEX refunds_list ON refunds (owner, seq)`,
  `CREATE INDEX refunds_event ON refunds (event_id, seq)`,
  `CREATE INDEX refunds_waiting ON refunds (next_at) WHERE status = 'requested'`,
  `CREATE INDEX refunds_pending ON refunds (payment_id) WHERE status = 'pending'`,

  `CREATE TABLE disputes (
    payment_id text NOT NULL REFERENCES payments,
    dispute_id text NOT NULL,
    owner text,
    event_id bigint,
    amount bigint NOT NULL,
    currency text NOT NULL,
    status text NOT NULL,
    opened_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    seq bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (payment_id, dispute_id),
    UNIQUE (seq)
  )`,
  `CREATE INDEX disputes_list ON disputes (owner, seq)`,

  `CREATE TABLE event_cancellations (
    event_id bigint PRIMARY KEY REFERENCES events,
    cancellation_id text NOT NULL UNIQUE,
    owner text NOT NULL,
    reason text NOT NULL,
    asked_by text NOT NULL,
    status text NOT NULL,
    guests integer,
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
  )`,
  `CREATE INDEX event_cancellations_running ON event_cancellations (created_at) WHERE status = 'running'`,
  `CREATE TABLE canceled_guests (
    event_id bigint NOT NULL REFERENCES event_cancellations,
    guest_id bigint NOT NULL,
    ticket_id bigint,
    payment_id text,
    PRIMARY KEY (event_id, guest_id)
  )`,
  `CREATE INDEX canceled_guests_payment ON canceled_guests (payment_id)`
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
