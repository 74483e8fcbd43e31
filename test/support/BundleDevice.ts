/** A device that keeps an event's bundle up to date, and what the database says at that moment. */
import { assert } from "@effect/vitest"
import { Effect, Option } from "effect"
import { SqlClient } from "effect/sql"
import { digestOf, type TicketState } from "../../src/gate/offline/OfflineBundle.ts"
import type { OfflineCursor } from "../../src/gate/offline/OfflineCursor.ts"
import { statesAfter } from "../../src/gate/offline/OfflineDecision.ts"
import { type BundlePage, BundleStore } from "../../src/gate/offline/BundleStore.ts"

/** States by digest, and where it stands. */
export interface Device {
  readonly states: ReadonlyMap<string, TicketState>
  readonly cursor: OfflineCursor | null
}

export const blank: Device = { states: new Map(), cursor: null }

/** One page, as the store answers it. */
export const pageOf = Effect.fnUntraced(function* (eventId: number, { cursor }: Device, limit: number) {
  const bundles = yield* BundleStore
  return Option.getOrThrow(yield* bundles.page({ eventId, cursor, limit }))
})

/** The device after a page. */
export const after = (device: Device, page: BundlePage): Device => ({
  states: statesAfter(device.states, page),
  cursor: page.cursor
})

/** Pages until there is no more. */
export const caughtUp = Effect.fnUntraced(function* (eventId: number, device: Device, limit = 20_000) {
  let known = device
  for (let pages = 0; pages < 1_000; pages++) {
    const page = yield* pageOf(eventId, known, limit)
    known = after(known, page)
    if (!page.more) return known
  }
  return assert.fail("The bundle never ended")
})

/** The state of every ticket by its digest, by the columns of its row. */
export const truth = Effect.fnUntraced(function* (eventId: number) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<
    { code: string; status: string; payment_state: string; inside: boolean; entries: number }
  >`
    SELECT code, status, payment_state, inside, entries FROM tickets WHERE event_id = ${eventId}`
  return new Map(rows.map(({ code, entries, inside, payment_state, status }): [string, TicketState] => [
    digestOf(eventId, code),
    status === "voided"
      ? "voided"
      : payment_state !== "free" && payment_state !== "paid"
      ? "unpaid"
      : inside
      ? "inside"
      : entries > 0
      ? "left"
      : "unused"
  ]))
})

/** Fails unless the device holds exactly what the database says. */
export const agrees = Effect.fnUntraced(function* (eventId: number, device: Device, hint?: string) {
  const sorted = (states: ReadonlyMap<string, TicketState>) => [...states].sort(([a], [b]) => a < b ? -1 : 1)
  assert.deepStrictEqual(sorted(device.states), sorted(yield* truth(eventId)), hint)
})
