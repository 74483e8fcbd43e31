/**
 * What a ticket costs. One thread: our QR and PDF against `qrcode` and pdf-lib, in alternating rounds. A real server: a
 * job from its POST to `completed` against rendering the same tickets alone on as many threads, its memory, and scans
 * beside it. Arguments: the number of tickets (10000; 0 leaves the jobs out) and of rounds (5). PostgreSQL is at
 * `DATABASE_URL_TEST`, otherwise the database is the embedded one; with `REDIS_URL_TEST` a second server has its queue
 * on Redis, in database 15, which is emptied.
 */
import { availableParallelism, loadavg } from "node:os"
import process from "node:process"
import { startLoader } from "./support/Loader.ts"
import { startPureRendering, threads } from "./support/PureRendering.ts"
import { out } from "./support/Report.ts"
import { type JobFigures, measureJobs } from "./support/TicketJobs.ts"
import { measureRendering } from "./support/TicketRendering.ts"
import { report } from "./support/TicketReport.ts"

const tickets = Number(process.argv[2] ?? 10_000)
const rounds = Number(process.argv[3] ?? 5)

out(`${availableParallelism()} processors, load ${loadavg()[0]?.toFixed(1)} at the start`)

const adminUrl = process.env.DATABASE_URL_TEST || undefined
const redisUrl = process.env.REDIS_URL_TEST || undefined
if (adminUrl === undefined) out("on the embedded database: DATABASE_URL_TEST is not set")
if (redisUrl === undefined) out("skipped: the queue on Redis, REDIS_URL_TEST is not set")

const rendering = await measureRendering(
  rounds,
  (round) => out(`rendering: round ${round} of ${rounds} done`)
)

const jobs: Record<string, JobFigures> = {}
if (tickets > 0) {
  await using resources = new AsyncDisposableStack()
  const loader = startLoader()
  resources.defer(loader.stop)
  const pure = await startPureRendering()
  resources.defer(pure.stop)
  const measured = async (on: string, redisUrl: string | undefined) => {
    jobs[on] = await measureJobs({ adminUrl, redisUrl }, tickets, loader, pure)
    out(`jobs: queue in ${on} done, every ticket generated once`)
  }
  await measured(adminUrl === undefined ? "the embedded database" : "PostgreSQL", undefined)
  if (redisUrl !== undefined) await measured("Redis", redisUrl)
}

report({ rounds, tickets, threads, rendering, jobs })
