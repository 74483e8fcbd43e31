/** `guichet demo`: the complete flow on a throw-away database, from one command. */
import { Clock, Console, Effect, FileSystem, Option, Schema, Stream, Terminal } from "effect"
import { Command, Flag } from "effect/cli"
import { CompleteFlowRequest, FlowView } from "../../rpc/CompleteFlow.ts"
import { FlowAccepted } from "../http/api/FlowsGroup.ts"
import { TokenStore } from "../store/TokenStore.ts"
import { completeFlowBody } from "./demo/CompleteFlowBody.ts"
import * as DemoClient from "./demo/DemoClient.ts"
import { DemoFailed } from "./demo/DemoFailed.ts"
import * as DemoFolder from "./demo/DemoFolder.ts"
import { admissionFaults, flowFaults, refusalFaults, wantsInvoice } from "./demo/Expected.ts"
import * as GateScans from "./demo/GateScans.ts"
import * as MessageFiles from "./demo/MessageFiles.ts"
import { newsOf } from "./demo/Progress.ts"
import { Screen } from "./demo/Screen.ts"
import { type Findings, summary } from "./demo/Summary.ts"
import * as ThrowAwayApp from "./demo/ThrowAwayApp.ts"
import * as TicketFiles from "./demo/TicketFiles.ts"

const readBody = Effect.fn("Demo.readBody")(function*(path: string) {
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

/** Starts everything; answers a client with an organiser's token and one with an operator's. */
const start = Effect.fn("Demo.start")(function*(folder: DemoFolder.DemoFolder) {
  const app = yield* Effect.context<never>().pipe(Effect.andThen(ThrowAwayApp.build(folder)))
  return yield* Effect.gen(function*() {
    const tokens = yield* TokenStore
    const organizer = yield* tokens.create({ role: "organizer", subject: "demo" })
    const operator = yield* tokens.create({ role: "operator", subject: GateScans.operatorId, gates: ["A", "B"] })
    return { organizer: yield* DemoClient.make(organizer.token), operator: yield* DemoClient.make(operator.token) }
  }).pipe(Effect.provideContext(app))
})
