/** The generator gets the body of the flows document, and nothing besides; the ids of its chunks say the attempt. */
import { assert, describe, it } from "@effect/vitest"
import { DateTime } from "effect"
import type { JobOptions } from "../../rpc/TicketJob.ts"
import type { JobTicketRow } from "../../src/store/tickets/TicketRows.ts"
import { attemptOf, chunkIdOf, enrich } from "../../src/tickets/GeneratorChunk.ts"
import documentedBody from "../fixtures/bodies/1-generation-job.to-ticket-generator.json" with {
  type: "json"
}
import documentedRequest from "../fixtures/bodies/1-generation-job.request.json" with { type: "json" }

const row: JobTicketRow = {
  ticket_id: 1,
  code: "TKT-001-ABC123",
  qr_data: '{"id":1,"eventId":1,"timestamp":1640995200}',
  name: "Jean Dupont",
  email: "jean.dupont@example.com",
  phone: "+33612345678",
  event_id: 1,
  title: "Tech Conference 2025",
  starts_at: DateTime.makeUnsafe("2025-06-20T09:00:00Z"),
  location: "Paris Expo",
  template_id: 1,
  template_name: "Premium Template",
  design: "modern"
}
const options = documentedRequest.options as JobOptions
const job = { job_id: "job_123456", event_number: 1, options }
const guestOf = (changes: Partial<JobTicketRow>) => enrich(job, [{ ...row, ...changes }]).tickets[0]?.guest

describe("the generator's body", () => {
  it("is the documented one, key for key and value for value", () => {
    assert.deepStrictEqual<unknown>(enrich(job, [row]), documentedBody)
    assert.strictEqual(JSON.stringify(enrich(job, [row])), JSON.stringify(documentedBody))
  })

  it("keeps the order of the rows", () => {
    const { tickets } = enrich(job, [row, { ...row, ticket_id: 7 }, { ...row, ticket_id: 3 }])
    assert.deepStrictEqual(tickets.map((ticket) => ticket.id), [1, 7, 3])
  })

  it("says null for a phone that was not given", () => {
    assert.isNull(guestOf({ phone: null })?.phone)
  })

  it("splits a name so that both parts together are the name again", () => {
    for (const name of ["Madonna", "Jean Dupont", "Anne Marie de la Tour"]) {
      const guest = guestOf({ name })
      assert.strictEqual(`${guest?.first_name} ${guest?.last_name}`.trim(), name)
    }
    assert.deepInclude(guestOf({ name: "  Ана   Ивић " }), { first_name: "Ана", last_name: "Ивић" })
  })
})

const attemptsJob = (attempt: number, edition: number) => ({ job_id: "job_a_1", attempt, edition })

describe("the id of a chunk", () => {
  it("differs with attempt and edition, which its report bears", () => {
    const ids = [1, 2, 12].flatMap((attempt) =>
      [1, 2, 12].map((edition) => {
        const id = chunkIdOf(attemptsJob(attempt, edition), 3)
        assert.strictEqual(attemptOf("job_a_1", `wh_${id}`), attempt, id)
        return id
      })
    )
    assert.strictEqual(new Set(ids).size, 9)
    assert.deepStrictEqual(ids.slice(0, 4), ["job_a_1_3", "job_a_1.1.2_3", "job_a_1.1.12_3", "job_a_1.2_3"])
  })

  it("of another job, or of nobody's, says no attempt", () => {
    for (const id of ["wh_job_b_3", "wh_job_a_1.2.3.4_3", "wh_job_a_1", "anything"]) {
      assert.isNull(attemptOf("job_a_1", id))
    }
  })
})
