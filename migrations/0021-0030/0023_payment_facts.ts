/**
 * What each payment event said in amounts, and what the events of a payment come to. Events that are stored already mean
 * what their type says; payments that are decided already have moved their whole price, and what was of another one says so by the webhook that was
 * kept. Credit notes stand in the book of
 * the invoices, and the database itself keeps what is issued from being changed or removed.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

const statements = [
  `ALTER TABLE payment_events ADD COLUMN amount bigint, ADD COLUMN currency text, ADD COLUMN facts jsonb`,
  `ALTER TABLE payments ADD COLUMN amount_received bigint NOT NULL DEFAULT 0,
    ADD COLUMN amount_refunded bigint NOT NULL DEFAULT 0, ADD COLUMN amount_disputed bigint NOT NULL DEFAULT 0,
    ADD COLUMN amount_credited bigint NOT NULL DEFAULT 0, ADD COLUMN attention text[] NOT NULL DEFAULT '{}',
    ADD COLUMN checked_at timestamptz`,
  `UPDATE payments SET amount_received = amount,
    amount_refunded = CASE WHEN status = 'refunded' THEN amount ELSE 0 END,
    amount_disputed = CASE WHEN status = 'disputed' THEN amount ELSE 0 END
    WHERE status IN ('settled', 'refunded', 'disputed')`,
  `ALTER TABLE invoices ADD COLUMN corrects text REFERENCES invoices (number), ADD COLUMN credited bigint,
    ADD COLUMN credited_through bigint, DROP CONSTRAINT invoices_payment_id_key,
    ADD CONSTRAINT invoices_credit CHECK ((corrects IS NULL) = (credited IS NULL)
      AND (corrects IS NULL) = (credited_through IS NULL) AND credited > 0)`,
  `CREATE UNIQUE INDEX invoices_payment ON invoices (payment_id) WHERE corrects IS NULL`,
  `CREATE UNIQUE INDEX invoices_credit_notes ON invoices (payment_id, credited_through) WHERE corrects IS NOT NULL`,
  `CREATE FUNCTION guichet_issued_stays() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'UPDATE' THEN
        IF OLD.file_key IS NULL THEN OLD.file_key := NEW.file_key; END IF;
        IF OLD IS NOT DISTINCT FROM NEW THEN RETURN NEW; END IF;
      END IF;
      RAISE EXCEPTION 'an issued document is not changed and not removed' USING ERRCODE = 'restrict_violation';
    END $$`,
  `CREATE TRIGGER invoices_stay BEFORE UPDATE OR DELETE ON invoices
    FOR EACH ROW EXECUTE FUNCTION guichet_issued_stays()`,
  `CREATE TRIGGER invoices_are_kept BEFORE TRUNCATE ON invoices
    FOR EACH STATEMENT EXECUTE FUNCTION guichet_issued_stays()`,
  `UPDATE payment_events e SET event_type = d.event_type, amount = (d.body ->> 'amount')::bigint,
    currency = d.body ->> 'currency' FROM webhook_deliveries d
    WHERE e.event_type = 'amount_mismatch' AND d.source = 'payment' AND d.webhook_id = e.webhook_id`,
  `CREATE INDEX payments_open ON payments (created_at) WHERE status IN ('pending', 'failed', 'disputed')`
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
