/**
 * Durable acknowledgements a second of our payment webhook route, against a hand-written inbox of Fastify and `pg`
 * (`bench/peers/FastifyInbox.ts`), in alternating rounds of one run, each on a new database. Ours sends the event on to
 * its payment beside it, and settles, announces and invoices there; the inbox only keeps it. Arguments: the number of
 * rounds (5) and the seconds of each (5). PostgreSQL is at `DATABASE_URL_TEST`.
 */
import { availableParallelism, loadavg } from "node:os"
import process from "node:process"
import { startLoader } from "./support/Loader.ts"
import { hundredths, median, round } from "./support/Numbers.ts"
import { areInstalled, howToInstall } from "./support/Peers.ts"
import { atLeast, out, printMarks } from "./support/Report.ts"
import { processorMs } from "./support/Server.ts"
import type { WebhookPlan, WebhookResult } from "./support/WebhookPlan.ts"
import { fastify, ours, oursKeptAlone, type WebhookSide } from "./support/WebhookSides.ts"

const rounds = Number(process.argv[2] ?? 5)
const seconds = Number(process.argv[3] ?? 5)
const connections = 32

/** Of one round; the server's processor time is in microseconds a delivery, warm-up included. */
type Figures = Pick<WebhookResult, "per_second" | "p50" | "p99"> & { readonly processor_us: number }

const summary = (figures: ReadonlyArray<Figures>) => ({
  acknowledged_per_second: Math.round(median(figures.map((one) => one.per_second))),
  p50_ms: round(median(figures.map((one) => one.p50))),
  p99_ms: round(median(figures.map((one) => one.p99))),
  processor_us: Math.round(median(figures.map((one) => one.processor_us)))
})

out(`${availableParallelism()} processors, load ${loadavg()[0]?.toFixed(1)} at the start`)
const adminUrl = process.env.DATABASE_URL_TEST || undefined

const results: Record<string, Array<Figures>> = {}

const measure = async (side: WebhookSide, adminUrl: string, run: string): Promise<Figures> => {
  await using receiver = await side.start(adminUrl)
  const loader = startLoader<WebhookPlan, WebhookResult>("WebhookLoad.ts")
  try {
    const { secret, sender, url } = receiver
    const processor = processorMs(receiver.pid)
    const { acknowledged, ...figures } = await loader.run({
      url,
      sender,
      secret,
      run,
      event: side.event,
      connections,
      warmUpSeconds: 2,
      seconds
    })
    const processor_us = (processorMs(receiver.pid) - processor) * 1_000 / acknowledged
    await receiver.check(acknowledged)
    return { ...figures, processor_us }
  } finally {
    loader.stop()
  }
}

if (adminUrl === undefined) {
  out("skipped: webhooks, DATABASE_URL_TEST is not set")
} else {
  const sides = [ours, oursKeptAlone, ...(areInstalled() ? [fastify] : [])]
  if (!areInstalled()) out(`skipped: the hand-written inbox, ${howToInstall}`)
  for (let at = 0; at < rounds; at++) {
    for (const side of at % 2 === 0 ? sides : sides.toReversed()) {
      const figures = await measure(side, adminUrl, `r${at}n`)
      results[side.name] = [...(results[side.name] ?? []), figures]
      out(`round ${at + 1} of ${rounds}, ${side.name}: ${figures.per_second.toFixed(0)}/s`)
    }
  }
  const { fastify: theirs = [], ours: mine = [] } = results
  const ratio = median(theirs.map((one, at) => (mine[at]?.per_second ?? 0) / one.per_second))
  const rounded = hundredths(ratio)
  out("")
  for (const [name, figures] of Object.entries(results)) out(`${name}: ${JSON.stringify(summary(figures))}`)
  printMarks(theirs.length > 0 ? [atLeast("ours, times fastify", rounded, 1)] : [])
  out(JSON.stringify({
    bench: "webhooks",
    rounds,
    connections,
    ...Object.fromEntries(Object.entries(results).map(([name, figures]) => [name, summary(figures)])),
    ...(theirs.length === 0 ? {} : { ratio: rounded })
  }))
}
