/** A flow of eight durable steps that do nothing on DBOS, at its durable defaults, on the database at `DATABASE_URL`. */
import { DBOS } from "@dbos-inc/dbos-sdk"
import process from "node:process"
import { serveRuns } from "./NoopRuns.ts"

const flow = DBOS.registerWorkflow(async (id: string): Promise<string> => {
  for (let at = 1; at <= 8; at++) {
    await DBOS.runStep(() => Promise.resolve(at), { name: `step-${at}` })
  }
  return id
}, { name: "noop" })

const url = process.env.DATABASE_URL
if (url === undefined) throw new Error("DATABASE_URL is not set")
DBOS.setConfig({ name: "noop", systemDatabaseUrl: url, logLevel: "error" })
await DBOS.launch()

await serveRuns({
  name: "dbos",
  pids: [process.pid],
  flow: async (id) => await (await DBOS.startWorkflow(flow, { workflowID: id })(id)).getResult(),
  stop: () => DBOS.shutdown()
})
