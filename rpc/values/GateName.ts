/** A gate is one whatever case, width or spaces its name is written with. */

/** As it is printed: no other width, one space between words, nothing that is not seen. */
const plain = /^[!-~]+(?: [!-~]+)*$/

/** The name as it is shown: in the usual width, without spaces around it. */
export const gateName = (written: string): string =>
  plain.test(written)
    ? written
    : written.normalize("NFKC").replace(/[\s\p{Z}\p{Cf}]+/gu, " ").trim() || written

/** What two names of one gate have in common. */
export const gateKey = (written: string): string => gateName(written).toUpperCase().toLowerCase()

/** Whether two names are of one gate. */
export const isSameGate = (one: string, other: string): boolean =>
  one === other || gateKey(one) === gateKey(other)

/** The name among these, as it was configured, of the gate that is written so; undefined when it is none of them. */
export const configuredGate = (gates: ReadonlyArray<string>, written: string): string | undefined =>
  gates.includes(written) ? written : gates.find((gate) => isSameGate(gate, written))
