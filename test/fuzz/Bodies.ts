/** Values that a schema takes, as they are sent: its tree is walked, and leaves are chosen among known words. */
import { Exit, Schema } from "effect"
import type { AST } from "effect/SchemaAST"
import job from "../fixtures/bodies/1-generation-job.request.json" with { type: "json" }
import payment from "../fixtures/bodies/2-payment-webhook.request.json" with { type: "json" }
import internalScan from "../fixtures/bodies/3-internal-scan-validation.request.json" with { type: "json" }
import scan from "../fixtures/bodies/3-scan-validate.request.json" with { type: "json" }
import ticket from "../fixtures/bodies/4-ticket-webhook.request.json" with { type: "json" }
import sequence from "../fixtures/bodies/5-notification-flow.request.json" with { type: "json" }
import flow from "../fixtures/bodies/6-complete-flow.request.json" with { type: "json" }
import type { Random } from "./Random.ts"

type Json = Schema.Json

const documented: ReadonlyArray<Json> = [job, payment, internalScan, scan, ticket, sequence, flow]

const leavesOf = (value: Json): ReadonlyArray<Json> =>
  typeof value === "object" && value !== null ? Object.values(value).flatMap(leavesOf) : [value]

/** Words of our bodies that the documented ones do not use. */
const words: ReadonlyArray<Json> = [
  ..."A a4 roll80 EUR fr en 1 2 10 true false all png svg small admin organizer operator entry exit issued"
    .split(" "),
  ..."#3b2ad9 Europe/Paris https://example.com/ +33612345678 guest@example.com 2030-06-20T09:00:00Z".split(
    " "
  ),
  ..."flow_0123456789abcdef job_0123456789abcdef TKT-001-ABC123 scan-1 evt_1 pi_1 re_1 req_1 wh_1 tok_1"
    .split(" "),
  ..."valid used sandbox stripe card card_payment completed refunded modern classic minimal high sms email"
    .split(" "),
  ..."payment_intent.succeeded payment_intent.payment_failed charge.refunded charge.dispute.created".split(
    " "
  ),
  "seq_0123456789abcdef",
  "refund_0123456789abcdef",
  Buffer.from("42", "latin1").toString("base64url"),
  Buffer.from("desc 42", "latin1").toString("base64url"),
  Buffer.from("1 0123456789abcdef 1 1 1 1 0123456789ab", "latin1").toString("base64url"),
  "2025-1.pdf",
  "0123456789abcdef0123456789abcdef",
  "a".repeat(64),
  0,
  1,
  2,
  100,
  0.5,
  1_700_000_000,
  true,
  null,
  {},
  []
]

const leaves: ReadonlyArray<Json> = [...new Set([...documented.flatMap(leavesOf), ...words])]

const fitting = new WeakMap<AST, ReadonlyArray<Json>>()

const takes = (ast: AST) => {
  const decode = Schema.decodeUnknownExit(Schema.make<Schema.Codec<unknown, unknown>>(ast))
  return (value: unknown): boolean => Exit.isSuccess(decode(value))
}

const fits = (ast: AST): ReadonlyArray<Json> => {
  const known = fitting.get(ast) ?? leaves.filter(takes(ast))
  fitting.set(ast, known)
  return known
}

const walk = (ast: AST, random: Random): unknown => {
  if (ast.encoding === undefined) {
    switch (ast._tag) {
      case "Literal":
        return ast.literal
      case "Union":
        return walk(random.pick(ast.types.filter(({ _tag }) => _tag !== "Undefined")), random)
      case "Suspend":
        return walk(ast.thunk(), random)
      case "Arrays": {
        const [rest] = ast.rest
        const length = rest === undefined ? 0 : 1 + random.below(3)
        return [
          ...ast.elements.map((one) => walk(one, random)),
          ...Array.from({ length }, () => walk(rest!, random))
        ]
      }
      case "Objects":
        if (ast.propertySignatures.length === 0) break
        return Object.fromEntries(
          ast.propertySignatures
            .filter(({ type }) => type.context?.isOptional !== true || random.chance(0.7))
            .map(({ name, type }) => [name, walk(type, random)])
        )
    }
  }
  const known = fits(ast)
  if (known.length > 0) return random.pick(known)
  const encoded = Schema.toEncoded(Schema.make<Schema.Codec<unknown, unknown>>(ast)).ast
  if (encoded === ast) throw new Error(`No known word is a ${ast._tag} here: add one to Bodies`)
  return walk(encoded, random)
}

/** Whether a body of this schema is bytes, and no JSON. */
export const isBytes = (schema: Schema.Top): boolean => schema.ast._tag === "Declaration"

/** A value as it is sent that the schema takes, often a documented `body`; none when chance found none in a hundred. */
export const valueOf = (schema: Schema.Top, random: Random, body = true): Json | undefined => {
  const isTaken = takes(schema.ast)
  const known = body ? documented.filter(isTaken) : []
  if (known.length > 0 && random.chance(0.5)) return random.pick(known)
  for (let tries = 0; tries < 100; tries++) {
    const value = walk(schema.ast, random)
    if (isTaken(value)) return value as Json
  }
  return known.length > 0 ? random.pick(known) : undefined
}
