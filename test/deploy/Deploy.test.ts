/**
 * What is deployed speaks of what there is: every query of a dashboard or an alert against the metrics of a process that
 * has worked, every alert with its page, every variable with its line in the configuration.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import scanned from "../fixtures/bodies/3-scan-validate.request.json" with { type: "json" }
import { declared } from "../../src/telemetry/metrics/Instruments.ts"
import { familiesOf } from "../support/Exposition.ts"
import { bodyFor, finished, guestsNamed, start, ticketsOf } from "../support/FlowClient.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { TestApp } from "../support/TestApp.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const text = (path: string): string => readFileSync(join(root, path), "utf8")

const alertsFile = "deploy/prometheus/alerts.yaml"
const alerts = [...text(alertsFile).matchAll(/^ *- alert: (\w+)\n *expr: >-\n((?: {10}.*\n)+)/gm)]
  .map(([, name = "", expr = ""]) => [name, expr.trim()] as const)

interface Dashboard {
  readonly panels: ReadonlyArray<{
    readonly title: string
    readonly targets: ReadonlyArray<{ readonly expr: string }>
  }>
}

const dashboards = readdirSync(join(root, "deploy/grafana/dashboards")).map((file) =>
  JSON.parse(text(`deploy/grafana/dashboards/${file}`)) as Dashboard
)

const queries = [
  ...alerts,
  ...dashboards.flatMap(({ panels }) =>
    panels.flatMap(({ targets, title }) => targets.map(({ expr }) => [title, expr] as const))
  )
]

const functions = new Set(
  "sum max min avg count rate increase histogram_quantile topk by on ignoring without or and unless le bool"
    .split(" ")
)

/** The metrics and the labels that a query names. */
const namesIn = (query: string) => {
  const labels = new Set<string>()
  const rest = query
    .replaceAll(/\{([^}]*)\}/g, (_, matchers: string) => {
      for (const [, label] of matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"(?:[^"\\]|\\.)*"/g)) {
        labels.add(label!)
      }
      return " "
    })
    .replaceAll(/\b(?:by|without|on)\s*\(([^)]*)\)/g, (_, names: string) => {
      for (const name of names.split(",")) labels.add(name.trim())
      return " "
    })
    .replaceAll(/\[[^\]]*\]/g, " ")
  const metrics = [...rest.matchAll(/[a-zA-Z_:][a-zA-Z0-9_:]*/g)].map(([name]) => name).filter((name) =>
    !functions.has(name)
  )
  return { labels: [...labels], metrics }
}

/** Labels that Prometheus itself adds, or the format. */
const added = ["instance", "job", "le"]

layer(TestAppLayer.layer, { excludeTestServices: true, timeout: "5 minutes" })(
  "dashboards and alerts",
  (it) => {
    it.effect("ask for metrics and labels that a process which has worked shows", () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const run = yield* Effect.flatMap(start(bodyFor(1, { guests: guestsNamed("A", "B") })), finished)
        const [ticket] = yield* ticketsOf(run)
        yield* app.ask("/api/scans/validate", {
          token: app.organizer,
          body: { ...scanned, event_id: 1, ticket_code: ticket.ticket_code, scan_id: "deployed" }
        })
        const families = familiesOf((yield* app.ask("/metrics")).text)
        const samples = new Set(["up", ...families.flatMap(({ samples }) => samples.map(({ name }) => name))])
        const labels = new Set([
          ...added,
          ...families.flatMap(({ samples }) => samples.flatMap((sample) => Object.keys(sample.labels))),
          ...[...declared].flatMap((label) => label.replaceAll(".", "_"))
        ])
        assert.isAbove(queries.length, 50)
        const wrong = queries.flatMap(([title, query]) => {
          const { labels: asked, metrics } = namesIn(query)
          assert.isNotEmpty(metrics, query)
          return [
            ...metrics.filter((name) => !samples.has(name)),
            ...asked.filter((name) => !labels.has(name))
          ].map((name) => `${title}: ${name}`)
        })
        assert.deepStrictEqual(wrong, [])
      }))
  }
)

describe("what is deployed", () => {
  it("has a page for every alert, and no other", () => {
    const pages = [...text("docs/operating/alerts.md").matchAll(/^## (Guichet\w+)$/gm)].map(([, name]) =>
      name!
    )
    assert.deepStrictEqual(pages, alerts.map(([name]) => name))
  })

  it("has rules that promtool accepts, where it is installed", () => {
    const run = spawnSync("promtool", ["check", "rules", join(root, alertsFile)], { encoding: "utf8" })
    if (run.error === undefined) assert.strictEqual(run.status, 0, run.stdout + run.stderr)
  })

  it("sets variables that the configuration names", () => {
    const named = new Set(
      [...text("docs/configuration.md").matchAll(/`([A-Z][A-Z0-9_]+)`/g)].map(([, name]) => name!)
    )
    const own = new Set(["HEALTH_PORT", "DENO_DIR", "DENO_NO_UPDATE_CHECK", "CMD", "ALL", "CMD-SHELL"])
    const kubernetes = readdirSync(join(root, "deploy/kubernetes")).map((file) =>
      text(`deploy/kubernetes/${file}`)
    )
    const set = [
      ...text("deploy/guichet.env.example").matchAll(/^([A-Z][A-Z0-9_]+)=/gm),
      ...text("deploy/compose.yaml").matchAll(/[{,] *((?:GUICHET|DRAIN|OTEL|HEALTH)_[A-Z0-9_]+):/g),
      ...text("deploy/Dockerfile").matchAll(/\b((?:GUICHET|LOG|DENO)_[A-Z0-9_]+)=/g),
      ...text("deploy/systemd/guichet.service").matchAll(/\b((?:GUICHET|LOG|DENO)_[A-Z0-9_]+)=/g),
      ...kubernetes.flatMap((file) => [...file.matchAll(/(?:- name: |- )([A-Z][A-Z0-9_]+)(?:=|\n)/g)])
    ].map(([, name]) => name!)
    assert.isAbove(set.length, 30)
    assert.deepStrictEqual(set.filter((name) => !named.has(name) && !own.has(name)), [])
  })

  it("copies what the program is made of, and starts it with the rights that the task has", () => {
    const docker = text("deploy/Dockerfile")
    for (const folder of ["src", "entities", "rpc", "migrations"]) {
      assert.include(docker, `COPY ${folder}/ ${folder}/`)
    }
    const rights = /--allow-sys=\S+/.exec(JSON.parse(text("deno.json")).tasks.guichet)![0]
    for (const file of ["deploy/Dockerfile", "deploy/systemd/guichet.service"]) {
      assert.include(text(file), rights)
    }
  })
})
