/**
 * Long arrays are decoded and encoded in turns. Guards whose removal turns this file red: `paced` around the items of
 * each of the long bodies, in both directions.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { OpenApi } from "effect/http-api"
import { Api } from "../../../src/api/Api.ts"
import { OfflineUpload } from "../../../src/gate/offline/OfflineUpload.ts"
import { GenerationJob } from "../../../src/services/generator/TicketApi.ts"
import { UploadAnswer } from "../../../src/api/gate/OfflineApi.ts"
import { CompleteFlowRequest } from "../../../rpc/CompleteFlow.ts"
import { paced } from "../../../rpc/values/Paced.ts"
import { Label } from "../../../rpc/values/Values.ts"
import flow from "../../fixtures/bodies/6-complete-flow.request.json" with { type: "json" }

/** Runs something, and counts the turns of the event loop that it lets others have. */
const turnsOf = <A, E>(body: Effect.Effect<A, E>) =>
  Effect.callback<readonly [A, number], E>((resume) => {
    let turns = 0
    let done = false
    const turn = () => {
      if (done) return
      turns++
      setImmediate(turn)
    }
    setImmediate(turn)
    resume(Effect.map(body, (value) => {
      done = true
      return [value, turns] as const
    }))
  })

const scan = {
  ticket_code: "TKT-001-ABC123",
  scan_location: { gate: "A", section: "VIP", coordinates: { lat: 48.8566, lng: 2.3522 } },
  result: "valid",
  timestamp: "2025-06-20T09:01:00Z"
}
const upload = {
  event_id: 1,
  scanner_id: "scanner-1",
  operator_id: "operator-123",
  scans: Array.from({ length: 5_000 }, (_, at) => ({ ...scan, scan_id: `offline-${at}` }))
}

const guests = Array.from({ length: 10_000 }, (_, at) => ({
  guest_id: at + 1,
  name: `Guest ${at}`,
  email: `guest${at}@example.com`,
  ticket_type: "VIP"
}))
const big = { ...flow, guests, event_data: { ...flow.event_data, max_attendees: 10_000 } }

describe("a long array", () => {
  it.live("of scans is decoded in turns", () =>
    Effect.gen(function* () {
      const [{ scans }, turns] = yield* turnsOf(Schema.decodeUnknownEffect(OfflineUpload)(upload))
      assert.lengthOf(scans, 5_000)
      assert.isAbove(turns, 5)
    }))

  it.live("of guests is decoded and encoded in turns", () =>
    Effect.gen(function* () {
      const [request, decoding] = yield* turnsOf(Schema.decodeUnknownEffect(CompleteFlowRequest)(big))
      const [, encoding] = yield* turnsOf(Schema.encodeEffect(CompleteFlowRequest)(request))
      assert.isAbove(decoding, 5)
      assert.isAbove(encoding, 2)
    }))

  it("is paced in each body that may be long", () => {
    const sources = [
      OfflineUpload.fields.scans,
      CompleteFlowRequest.fields.guests,
      GenerationJob.fields.tickets,
      UploadAnswer.fields.verdicts
    ]
    for (const { value } of sources) assert.property(value, "schema")
  })

  it.effect("names a wrong item by its place", () =>
    Effect.gen(function* () {
      const items = Array.from({ length: 3_000 }, (_, at) => at === 2_000 ? "" : "a")
      const error = yield* Effect.flip(Schema.decodeUnknownEffect(Schema.Array(paced(Label)))(items))
      assert.include(error.message, "[2000]")
    }))

  it("is described as if it were not paced", () => {
    const described = JSON.stringify(OpenApi.fromApi(Api))
    assert.include(described, `"scan_id"`)
    assert.notInclude(described, `"schema":{"not":{}}`)
  })
})
