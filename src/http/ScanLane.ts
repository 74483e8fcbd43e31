/**
 * The express way of `POST /api/scans/validate`. A steward's plain scan is read, decided and answered here as the
 * contract's own handler would; whatever is not plain (another role, a wrong field, an Idempotency-Key, a token or an
 * event not seen lately) goes the contract's way. So does what could not be decided, under the same scan id, and
 * everything while requests are traced.
 */
import { DateTime, Effect, Exit, Layer, Tracer } from "effect"
import type { Passage, Verdict } from "../../rpc/Scan.ts"
import { permissionOf } from "../gate/Operators.ts"
import { plainScan } from "../gate/PlainScan.ts"
import { fromDevice } from "../gate/ScanBodies.ts"
import { localeOf, sentence } from "../gate/Sentences.ts"
import { Turnstiles } from "../gate/Turnstiles.ts"
import { TokenStore } from "../store/TokenStore.ts"
import { SigningKeys } from "../tickets/SigningKeys.ts"
import { type Express, ExpressDesk, type Head } from "./Express.ts"
import { idempotencyKeyHeader } from "./Idempotency.ts"
import { requestIdFrom, requestIdHeader } from "./RequestId.ts"

const path = "/api/scans/validate"

/** A scan is a few hundred bytes; a longer body takes the contract's way. */
const longest = 16_384

const bearer = "Bearer "

const text = ({ headers }: Head, name: string): string | undefined => {
  const value = headers[name]
  return typeof value === "string" ? value : undefined
}

const isPlain = (head: Head): boolean =>
  head.url === path && head.method === "POST" && head.headers[idempotencyKeyHeader] === undefined &&
  Number(text(head, "content-length") ?? longest) < longest &&
  text(head, "content-type") === "application/json" &&
  (text(head, "authorization") ?? "").startsWith(bearer)

const passage = (use: Passage | null) =>
  use === null ? null : { at: DateTime.formatIso(use.at), gate: use.gate }

/** A `ScanAnswer` as JSON; undefined leaves a verdict that cannot be worded to the contract, which reports it. */
const spoken = (
  verdict: Verdict,
  acceptLanguage: string | undefined,
  took_ms: number
): string | undefined => {
  try {
    return JSON.stringify({
      ...verdict,
      first_use: passage(verdict.first_use),
      last_use: passage(verdict.last_use),
      decided_at: DateTime.formatIso(verdict.decided_at),
      message: sentence(verdict, localeOf(acceptLanguage)),
      took_ms
    })
  } catch {
    return undefined
  }
}

const parsed = (body: string): unknown => {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

const make = (
  tokens: TokenStore["Service"],
  turnstiles: Turnstiles["Service"],
  keys: SigningKeys["Service"]
): Express => ({
  takes: isPlain,
  answer: (head, body, reply) => {
    const caller = tokens.known((text(head, "authorization") ?? "").slice(bearer.length))
    if (caller === undefined || caller.role !== "operator") return false
    const scan = plainScan(parsed(body))
    if (scan === undefined) return false
    const begun = Date.now()
    const requestId = requestIdFrom(text(head, requestIdHeader))
    const operator = permissionOf(caller, scan.event_id)
    const request = fromDevice(scan, { operator, scanId: requestId, trusted: keys.trusted })
    return turnstiles.put(request, (exit) => {
      const answer = Exit.isSuccess(exit)
        ? spoken(exit.value, text(head, "accept-language"), Date.now() - begun)
        : undefined
      reply(
        answer === undefined ? { resume: requestId } : {
          status: 200,
          headers: {
            "content-type": "application/json",
            [requestIdHeader]: requestId,
            "x-content-type-options": "nosniff"
          },
          text: answer
        }
      )
    })
  }
})

/** Opens the express for as long as the routes are there. */
export const layer: Layer.Layer<never, never, ExpressDesk | SigningKeys | TokenStore | Turnstiles> = Layer
  .effectDiscard(Effect.gen(function* () {
    const desk = yield* ExpressDesk
    const express = make(yield* TokenStore, yield* Turnstiles, yield* SigningKeys)
    if ((yield* Effect.tracer) !== Tracer.nativeTracer) return
    yield* Effect.acquireRelease(desk.open(express), () => desk.close)
  }))
