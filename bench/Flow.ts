/**
 * The documented complete flow: ours on PostgreSQL and on the embedded database, the same work as a capable team writes
 * it by hand on DBOS (`bench/peers/flow/`), and, where its folder is given, another checkout of ours, in alternating
 * rounds of one run: flows a second with 16 in flight, the server's processor time a flow, latency of one alone,
 * statements a flow, memory, time from start to ready. Arguments: the number of rounds (3), `--base=<folder>` of another
 * checkout with its packages installed, `--sides=<name>,<name>` for some of `postgresql`, `handwritten`, `base` and
 * `embedded`, `--texts` to list the statements of a flow. PostgreSQL is at `DATABASE_URL_TEST`; without it only the
 * embedded database is measured.
 */
import { availableParallelism, loadavg } from "node:os"
import process from "node:process"
import { parseArgs } from "node:util"
import { printTexts, report } from "./support/FlowReport.ts"
import { type Round, runRound, type StatementRound } from "./support/FlowRound.ts"
import { handwritten, otherCheckout, ours, type Side } from "./support/FlowSides.ts"
import { areInstalled, howToInstall } from "./support/Peers.ts"
import { out } from "./support/Report.ts"

const { positionals, values: { base, sides: named, texts } } = parseArgs({
  args: process.argv.slice(2),
  options: { base: { type: "string" }, sides: { type: "string" }, texts: { type: "boolean" } },
  allowPositionals: true
})
const rounds = Number(positionals[0] ?? 3)
const adminUrl = process.env.DATABASE_URL_TEST || undefined

out(`${availableParallelism()} processors, load ${loadavg()[0]?.toFixed(1)} at the start`)

const found: Array<Side> = []
if (adminUrl === undefined) {
  out("skipped: PostgreSQL and the others on it, DATABASE_URL_TEST is not set")
} else {
  found.push(ours(false))
  if (areInstalled()) found.push(handwritten)
  else out(`skipped: the hand-written flow, ${howToInstall}`)
  if (base !== undefined) found.push(await otherCheckout(base))
}
found.push(ours(true))
const sides = found.filter(({ name }) => named === undefined || named.split(",").includes(name))

const results: Record<string, Array<Round>> = Object.fromEntries(sides.map(({ name }) => [name, []]))
const statements: Record<string, StatementRound> = {}

for (let at = 0; at < rounds; at++) {
  // Whoever comes first in a round has the aftermath of the round before: each does in turn.
  const first = at % sides.length
  for (const side of [...sides.slice(first), ...sides.slice(0, first)]) {
    const { round, statements: counted } = await runRound(side, adminUrl, at === 0)
    results[side.name]?.push(round)
    if (counted !== undefined) statements[side.name] = counted
    out(
      `round ${at + 1} of ${rounds}, ${side.name}: ${round.perSecond.toFixed(1)} flows/s, ` +
        `${round.processorMs.toFixed(0)} ms each, load ${loadavg()[0]?.toFixed(1)}`
    )
  }
}

if (texts === true) { for (const [name, of] of Object.entries(statements)) printTexts(name, of) }
report({ rounds: results, statements })
