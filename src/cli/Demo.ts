/** `guichet demo`: the complete flow on a throw-away database, from one command. */
import {
  Clock,
  Console,
  DateTime,
  Duration,
  Effect,
  FileSystem,
  Layer,
  Option,
  Redacted,
  Schema,
  Stream,
  Terminal
} from "effect"
import { Command, Flag } from "effect/cli"
import { CompleteFlowRequest, FlowView } from "../../rpc/CompleteFlow.ts"
import type { ScanAnswer } from "../gate/ScanAnswer.ts"
import type { TicketView } from "../../rpc/Ticket.ts"
import { FlowAccepted } from "../api/flows/FlowsApi.ts"
import { accessFragment } from "../pages/AccessLink.ts"
import { TokenStore } from "../store/TokenStore.ts"
import { ports } from "../trust/ServiceName.ts"
import { upcomingBody } from "./demo/CompleteFlowBody.ts"
import * as DemoClient from "./demo/DemoClient.ts"
import { DemoFailed } from "./demo/DemoFailed.ts"
import * as DemoFolder from "./demo/DemoFolder.ts"
import { admissionFaults, type Faults, flowFaults, refusalFaults, wantsInvoice } from "./demo/Expected.ts"
import * as GateScans from "./demo/GateScans.ts"
import * as InvoiceFile from "./demo/InvoiceFile.ts"
import * as MessageFiles from "./demo/MessageFiles.ts"
import { newsOf } from "./demo/Progress.ts"
import { Screen } from "./demo/Screen.ts"
import { summary } from "./demo/Summary.ts"
import * as ThrowAwayApp from "./demo/ThrowAwayApp.ts"
import * as TicketFiles from "./demo/TicketFiles.ts"
import { reportFailure, sentenceOf } from "./Sentence.ts"

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

const readBody = Effect.fn("Demo.readBody")(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.mapError(
    fs.readFileString(path),
    (error) => new DemoFailed({ message: `The body ${path} cannot be read: ${error.message}` })
  )
  return yield* Effect.mapError(
    Schema.decodeEffect(Schema.fromJsonString(Schema.Json))(text),
    () => new DemoFailed({ message: `The body ${path} is not JSON.` })
  )
})

/** Starts everything; answers a client with an organiser's token, one with an operator's, and that operator's token. */
const start = Effect.fn("Demo.start")(function* (
  folder: DemoFolder.DemoFolder,
  corePort: Option.Option<number>
) {
  const app = yield* Layer.build(ThrowAwayApp.layer(folder, corePort))
  return yield* Effect.gen(function* () {
    const tokens = yield* TokenStore
    const organizer = yield* tokens.create({ role: "organizer", subject: "demo" })
    const operator = yield* tokens.create({
      role: "operator",
      subject: GateScans.operatorId,
      gates: ["A", "B"]
    })
    return {
      organizer: yield* DemoClient.make(organizer.token),
      operator: yield* DemoClient.make(operator.token),
      operatorToken: { token: operator.token, organizer: operator.owner }
    }
  }).pipe(Effect.provideContext(app))
})

/** Posts the body and shows the flow's events until the last; then its eight steps must be completed. */
const follow = Effect.fn("Demo.follow")(function* (
  client: DemoClient.DemoClient,
  folder: DemoFolder.DemoFolder,
  body: Schema.Json
) {
  const { report } = yield* Screen
  const { events_url, status_url } = yield* client.post(
    "/api/orchestration/complete-flow",
    body,
    FlowAccepted
  )
  const request = yield* Effect.orDie(Schema.decodeUnknownEffect(CompleteFlowRequest)(body))
  const seconds = request.orchestration_options.timeout_seconds + 30
  const last = yield* client.events(events_url).pipe(
    Stream.tap((event) => Effect.forEach(newsOf(event), report, { discard: true })),
    Stream.runLast,
    Effect.timeoutOrElse({
      duration: Duration.seconds(seconds),
      orElse: () => Effect.fail(new DemoFailed({ message: `The flow did not end in ${seconds} seconds.` }))
    })
  )
  if (Option.getOrUndefined(last)?.event !== "closed") {
    return yield* new DemoFailed({ message: "The flow's events ended without the closing one." })
  }
  const flow = yield* client.get(status_url, FlowView)
  yield* folder.write("flow.json", json(flow))
  const faults = flowFaults(flow)
  if (faults.length > 0) return yield* DemoFailed.of(faults)
  return { request, flow }
})

/** Tickets, invoice and messages as files, each checked against the request. */
const keep = Effect.fn("Demo.keep")(function* (
  client: DemoClient.DemoClient,
  folder: DemoFolder.DemoFolder,
  flow: FlowView,
  request: CompleteFlowRequest
) {
  const tickets = yield* TicketFiles.write(client, folder, flow, request)
  const messages = yield* MessageFiles.write(client, folder, flow, request)
  if (wantsInvoice(request)) yield* InvoiceFile.write(client, folder, flow)
  return { tickets, messages }
})

/** Where the pages of a kept demonstration are: board and scanner with the steward's access, and the first ticket's. */
const pagesOf = (
  tickets: ReadonlyArray<TicketView>,
  { organizer, token }: { readonly organizer: string; readonly token: Redacted.Redacted },
  corePort: Option.Option<number>
) => {
  const [ticket] = tickets
  if (Option.isNone(corePort) || ticket === undefined) return []
  const access = (page: string, gate?: string) =>
    `http://localhost:${corePort.value}${page}${
      accessFragment({
        organizer,
        token: Redacted.value(token),
        event: ticket.event_id,
        gate,
        operator: GateScans.operatorId
      })
    }`
  return [
    ["Board", access("/gate/board")],
    ["Scanner", access("/gate", "A")],
    ["Ticket", ticket.page_url]
  ] as const
}

const play = Effect.fn("Demo.play")(
  function* (folder: DemoFolder.DemoFolder, body: Schema.Json, corePort: Option.Option<number>) {
    const { operator, operatorToken, organizer } = yield* Screen.line(
      "start",
      start(folder, corePort),
      () => "core and four services"
    )
    const { flow, request } = yield* follow(organizer, folder, body)
    const { messages, tickets } = yield* Screen.line(
      "files",
      keep(organizer, folder, flow, request),
      () => folder.path
    )
    const scan = (gate: string, faultsOf: (answer: ScanAnswer) => Faults) =>
      GateScans.scan(operator, tickets[0]!, gate, faultsOf)
    const result = ({ answer }: GateScans.Scan) => answer.result
    const first = yield* Screen.line("gate A", scan("A", admissionFaults), result)
    const second = yield* Screen.line("gate B", scan("B", refusalFaults(first.answer)), result)
    yield* folder.write("scans.json", json([first, second]))
    const pages = pagesOf(tickets, operatorToken, corePort)
    return { request, flow, tickets, messages, pages, scans: [first.answer, second.answer] } as const
  },
  Effect.provide(Screen.layer)
)

const run = Effect.fn("Demo.run")(function* (
  to: Option.Option<string>,
  from: Option.Option<string>,
  keep: boolean
) {
  const corePort = keep ? Option.some(yield* ports.core) : Option.none<number>()
  const began = yield* Clock.currentTimeMillis
  const body = Option.isSome(from) ? yield* readBody(from.value) : upcomingBody(yield* DateTime.now)
  const folder = yield* DemoFolder.open(to)
  const findings = yield* Effect.mapError(
    play(folder, body, corePort),
    (error) => new DemoFailed({ message: `${sentenceOf(error)}\n         The log is ${folder.log}.` })
  )
  const total = (yield* Clock.currentTimeMillis) - began
  const columns = yield* (yield* Terminal.Terminal).columns
  yield* Console.log(summary({ ...findings, folder: folder.path, total }, columns).join("\n"))
  if (keep) yield* Effect.never
}, Effect.scoped)

export const demo = Command.make(
  "demo",
  {
    to: Flag.String("to").pipe(
      Flag.withDescription(
        "The folder for tickets, invoice and messages: .guichet/demo-<timestamp> by default"
      ),
      Flag.optional
    ),
    body: Flag.String("body").pipe(
      Flag.withDescription(
        "A JSON file to post instead of the documented body of the complete flow, whose event is moved to come in six weeks"
      ),
      Flag.optional
    ),
    keep: Flag.Boolean("keep").pipe(
      Flag.withDescription("Serve it afterwards, with links to its pages, until Ctrl-C"),
      Flag.withDefault(false)
    )
  },
  ({ body, keep, to }) => reportFailure(run(to, body, keep))
).pipe(Command.withDescription("Run the complete flow on a throw-away database and show every step of it"))
