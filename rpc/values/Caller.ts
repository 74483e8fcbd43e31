/** Who is calling: what a client token says. */
import { Schema } from "effect"
import { EventId, EventNumber } from "./Ids.ts"

/**
 * `admin` runs the installation, `organizer` owns events, `operator` scans at the gates it was given, and `supervisor`
 * helps the operators of those gates out.
 */
export const Role = Schema.Literals(["admin", "organizer", "operator", "supervisor"])

/** One of the roles. */
export type Role = typeof Role.Type

interface Rights {
  /** Whose events it manages, with everything that is made for them. */
  readonly manages: "everybody's" | "its own" | "nobody's"
  /** Where it scans; `granted` is what the token's `events` and `gates` say, and their absence is everywhere. */
  readonly scans: "everywhere" | "its own events" | "granted"
  /** Whether it finds guests, annuls anybody's scan and lets somebody in with a reason, where it scans. */
  readonly supervises: boolean
}

/** What each role may do; tokens are for admins alone. */
export const rights: Readonly<Record<Role, Rights>> = {
  admin: { manages: "everybody's", scans: "everywhere", supervises: true },
  organizer: { manages: "its own", scans: "its own events", supervises: true },
  operator: { manages: "nobody's", scans: "granted", supervises: false },
  supervisor: { manages: "nobody's", scans: "granted", supervises: true }
}

/** The roles that manage events. */
export const managers = Role.literals.filter((role) => rights[role].manages !== "nobody's")

/** The roles that help out at the gates. */
export const supervisors = Role.literals.filter((role) => rights[role].supervises)

/** Whether a role scans where its token says, for the organisation that it works for. */
export const isGranted = (role: Role): boolean => rights[role].scans === "granted"

/**
 * The holder of a token; `events` and `gates` limit an operator or a supervisor, and their absence means no limit. `owner` is the
 * organisation that it acts for: what it makes belongs to it, and its event numbers are meant. It sees the things of that
 * one, or everybody's.
 */
export const Caller = Schema.Struct({
  tokenId: Schema.String,
  role: Role,
  subject: Schema.String,
  owner: Schema.String,
  sees: Schema.Literals(["own", "everybody"]),
  events: Schema.optionalKey(Schema.Array(Schema.Struct({ id: EventId, number: EventNumber }))),
  gates: Schema.optionalKey(Schema.Array(Schema.String))
})

/** The decoded form of `Caller`. */
export type Caller = typeof Caller.Type
