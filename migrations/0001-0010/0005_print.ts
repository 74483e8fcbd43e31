/** What organisers have printed on tickets: their name and terms, and how they dress a template. */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

const statements = [
  `ALTER TABLE events ADD COLUMN terms text, ADD COLUMN organizer text`,
  `CREATE TABLE template_styles (
    owner text NOT NULL,
    template_id bigint NOT NULL REFERENCES templates,
    accent text CHECK (accent ~ '^#[0-9a-f]{6}$'),
    logo_key text,
    logo_digest text,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner, template_id),
    CHECK ((logo_key IS NULL) = (logo_digest IS NULL))
  )`
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
