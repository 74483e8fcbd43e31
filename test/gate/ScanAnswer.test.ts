/** Every result has its sentence in both languages. */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Schema } from "effect"
import { ScanResult } from "../../rpc/Scan.ts"
import { answerJson, localeOf, ScanAnswer, sentence, type ShownVerdict } from "../../src/gate/ScanAnswer.ts"

const verdict = (changes: Partial<ShownVerdict>): ShownVerdict => ({
  scan_id: "scan-1",
  result: "valid",
  ticket_id: 1,
  event_id: 1,
  gate: "B",
  direction: "entry",
  guest_first_name: "Jean",
  ticket_type: "VIP",
  first_use: { at: DateTime.makeUnsafe("2025-06-20T09:05:00Z"), gate: "A" },
  last_use: null,
  timezone: "Europe/Paris",
  signals: [],
  decided_at: DateTime.makeUnsafe("2025-06-20T10:00:00Z"),
  ...changes
})

describe("the steward's sentence", () => {
  it("exists for every result, in French and in English", () => {
    for (const result of ScanResult.literals) {
      const [fr, en] = [sentence(verdict({ result }), "fr"), sentence(verdict({ result }), "en")]
      assert.notStrictEqual(fr, en)
      for (const text of [fr, en]) assert.match(text, /^[A-Z].*[^ ]\.$/)
    }
  })

  it("greets by first name and ticket type", () => {
    assert.strictEqual(sentence(verdict({}), "fr"), "Bienvenue Jean, billet VIP.")
    assert.strictEqual(sentence(verdict({}), "en"), "Welcome Jean, VIP ticket.")
  })

  it("says when and where a used ticket came in, in the event's zone", () => {
    const used = verdict({ result: "already_used" })
    assert.strictEqual(sentence(used, "fr"), "Ce billet a déjà été utilisé le 20 juin 2025 à 11:05, porte A.")
    assert.strictEqual(
      sentence(used, "en"),
      "This ticket was already used on 20 June 2025 at 11:05 at gate A."
    )
  })

  it("is in the language that was asked for first, French by default", () => {
    assert.strictEqual(localeOf("en-US,en;q=0.9,fr;q=0.8"), "en")
    assert.strictEqual(localeOf("fr-CA, en;q=0.5"), "fr")
    assert.strictEqual(localeOf("de, en;q=0.5"), "en")
    assert.strictEqual(localeOf(undefined), "fr")
  })
})

describe("the answer as JSON", () => {
  const encode = Schema.encodeSync(ScanAnswer)
  const now = DateTime.makeUnsafe("2025-06-20T10:00:00.123Z")
  const passages = [null, { at: now, gate: "A" }, { at: DateTime.makeUnsafe(0), gate: 'é\u2028"' }]

  it("is what the schema encodes, whatever a field holds", () => {
    for (const result of ScanResult.literals) {
      for (const first_use of passages) {
        for (const last_use of passages) {
          const answer = { ...verdict({ result, first_use, last_use }), message: "Zoë\ud800", took_ms: 0.5 }
          assert.deepStrictEqual(JSON.parse(answerJson(answer)), JSON.parse(JSON.stringify(encode(answer))))
        }
      }
    }
  })
})
