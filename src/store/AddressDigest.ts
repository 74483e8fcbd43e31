/** The digest that an address is known by where it must be recognised and not kept. */
import { createHash } from "node:crypto"
import { mailAddress } from "../../rpc/values/Values.ts"

/** Two spellings of one mailbox are one address: its domain in ASCII, in lower case. */
export const digestOf = (address: string): string =>
  createHash("sha256").update((mailAddress(address) ?? address).toLowerCase()).digest("hex")
