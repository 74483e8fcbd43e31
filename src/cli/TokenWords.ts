/** The arguments of `guichet token` and what it prints: arguments checked before the database is asked, a table of tokens. */
import { DateTime, Effect, Option, Schema } from "effect"
import { isGranted, type Role } from "../../rpc/values/Caller.ts"
import { accessFragment } from "../pages/AccessLink.ts"
import type { NewToken, TokenRow } from "../store/TokenRows.ts"

/** An argument cannot be right; `message` names it and says what it must be. */
export class TokenRefused extends Schema.TaggedError<TokenRefused>()("TokenRefused", {
  message: Schema.String
}) {}

/** The arguments of `guichet token create`. */
export interface TokenArguments {
  readonly role: Role
  readonly subject: string
  readonly organizer: Option.Option<string>
  readonly events: Option.Option<string>
  readonly gates: Option.Option<string>
  readonly days: Option.Option<number>
}

const longest = 36_500

const isEvent = (text: string): boolean => /^[1-9]\d*$/.test(text) && Number.isSafeInteger(Number(text))

const listOf = (text: Option.Option<string>): ReadonlyArray<string> =>
  Option.match(text, {
    onNone: () => [],
    onSome: (text) => text.split(",").map((item) => item.trim()).filter(Boolean)
  })

const isName = (text: string): boolean => /^\P{Cc}+$/u.test(text) && text.trim() !== ""

/** An operator's organisation is named where several can be meant. */
export const organizerNeeded = (organizers: ReadonlyArray<string>) =>
  new TokenRefused({
    message:
      `Several organisers are here: name the one that the operator works for with --organizer, one of ` +
      `${organizers.join(", ")}.`
  })

const faultOf = ({ days, events, gates, organizer, role, subject }: TokenArguments): string | undefined => {
  if (!isName(subject)) return "--subject must be a name."
  if (Option.isSome(organizer)) {
    if (!isName(organizer.value)) return "--organizer must be a name."
    if (!isGranted(role) && organizer.value.trim() !== subject.trim()) {
      return `--organizer is for operators: leave it out for the role ${role}.`
    }
  }
  for (const [flag, text] of [["--events", events], ["--gates", gates]] as const) {
    if (Option.isNone(text)) continue
    if (!isGranted(role)) {
      return `${flag} limits operators: leave it out for the role ${role}.`
    }
    if (listOf(text).length === 0) return `${flag} names nothing: leave it out for no limit.`
  }
  const odd = listOf(events).find((event) => !isEvent(event))
  if (odd !== undefined) return `--events has event numbers, separated by commas: ${odd} is none.`
  if (Option.isSome(days) && (days.value < 1 || days.value > longest)) {
    return `--days is between 1 and ${longest}: leave it out for a token that does not expire.`
  }
  return undefined
}

/** The token that is asked for. */
export const toNewToken = Effect.fn("TokenWords.toNewToken")(function* (asked: TokenArguments) {
  const fault = faultOf(asked)
  if (fault !== undefined) return yield* new TokenRefused({ message: fault })
  const now = yield* DateTime.now
  const { days, events, gates, organizer, role, subject } = asked
  const token: NewToken = {
    role,
    subject: subject.trim(),
    owner: Option.getOrUndefined(Option.map(organizer, (name) => name.trim())),
    events: Option.isSome(events) ? listOf(events).map(Number) : undefined,
    gates: Option.isSome(gates) ? listOf(gates) : undefined,
    expiresAt: Option.getOrUndefined(Option.map(days, (days) => DateTime.add(now, { days })))
  }
  return token
})

const day = (date: DateTime.Utc): string => DateTime.formatIso(date).slice(0, 16).replace("T", " ")

const stateOf = ({ expires_at, revoked_at }: typeof TokenRow.Type, now: number): string => {
  if (revoked_at !== null) return `revoked ${day(revoked_at)}`
  if (expires_at === null) return "no expiry"
  return `${DateTime.toEpochMillis(expires_at) > now ? "until" : "expired"} ${day(expires_at)}`
}

const headings = ["ID", "ROLE", "SUBJECT", "ORGANIZER", "EVENTS", "GATES", "CREATED (UTC)", "STATE"]

/** The lines of `guichet token list`; `now` in Unix milliseconds. */
export const table = (
  tokens: ReadonlyArray<typeof TokenRow.Type>,
  now: number
): ReadonlyArray<string> => {
  const rows = [
    headings,
    ...tokens.map((token) => [
      token.token_id,
      token.role,
      token.subject,
      token.owner,
      token.events?.join(",") ?? "all",
      token.gates?.join(",") ?? "all",
      day(token.created_at),
      stateOf(token, now)
    ])
  ]
  const widths = headings.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd())
}

/** More links than these are made by whoever hands them out. */
const mostPages = 20

/** The scanner's page for each event and gate that a steward's or supervisor's token names: a steward opens one on a phone. */
export const accessPages = (
  { events, gates, role, subject }: Pick<NewToken, "events" | "gates" | "role" | "subject">,
  { organizer, token }: { readonly organizer: string; readonly token: string },
  publicUrl: string
): ReadonlyArray<string> =>
  !isGranted(role) ?
    [] :
    (events ?? []).flatMap((event) =>
      (gates ?? [undefined]).map((gate) =>
        `Scanner of event ${event}${gate === undefined ? "" : `, gate ${gate}`}: ${publicUrl}/gate${
          accessFragment({ token, event, organizer, gate, operator: subject })
        }`
      )
    ).slice(0, mostPages)
