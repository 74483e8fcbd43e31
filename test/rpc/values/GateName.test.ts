/**
 * A gate is one however it is written, and is shown as it was configured.
 * Guards whose removal turns this file red: the width, the case, the spaces, what is not seen.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { configuredGate, gateKey, gateName, isSameGate } from "../../../rpc/values/GateName.ts"

const wide = (text: string) =>
  text.replace(/[!-~]/g, (char) => String.fromCharCode(char.charCodeAt(0) + 0xfee0))
const gap = fc.constantFrom("", " ", "\u00a0", "\u3000", "\t", "\u200b", "\ufeff", "  ")
const written = fc.constantFrom<(text: string) => string>(
  (text) => text,
  (text) => text.toLowerCase(),
  (text) => text.toUpperCase(),
  wide,
  (text) => text.replace(" ", " \u00a0 "),
  (text) => text.normalize("NFD")
)

describe("a gate", () => {
  it("is one for ten thousand spellings, and shown as it was configured", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("A", "Gate 3", "Porte é", "Straße"),
        gap,
        written,
        gap,
        (gate, a, write, b) => {
          const one = a + write(gate) + b
          assert.isTrue(isSameGate(gate, one), JSON.stringify(one))
          assert.strictEqual(configuredGate(["B", gate], one), gate)
          assert.strictEqual(gateKey(one), gateKey(gate))
        }
      ),
      { seed: 20_250_620, numRuns: 10_000 }
    )
  })

  it("is another one with another name", () => {
    for (const other of ["B", "A1", "A A", "Ä", ""]) assert.isFalse(isSameGate("A", other))
    assert.isUndefined(configuredGate(["A"], "AB"))
  })

  it("keeps its name, in the usual width", () => {
    assert.deepStrictEqual([gateName(" a "), gateName("Ｎorth　２"), gateName("A")], ["a", "North 2", "A"])
  })
})
