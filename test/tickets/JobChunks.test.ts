/** The ids of chunks differ with attempt and edition, and their reports say the attempt. */
import { assert, describe, it } from "@effect/vitest"
import { attemptOf, chunkIdOf } from "../../src/tickets/JobChunks.ts"

const job = (attempt: number, edition: number) => ({ job_id: "job_a_1", attempt, edition })

describe("a chunk", () => {
  it("has an id of its own in each attempt and each edition, which its report bears", () => {
    const ids = [1, 2, 12].flatMap((attempt) =>
      [1, 2, 12].map((edition) => {
        const id = chunkIdOf(job(attempt, edition), 3)
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
