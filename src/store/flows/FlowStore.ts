/** Runs of the complete flow: the request, the eight steps and their states. */
import { Cache, Context, DateTime, Duration, Effect, Exit, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import {
  CompleteFlowRequest,
  FlowStatus,
  type FlowView,
  type StepName,
  steps
} from "../../../rpc/CompleteFlow.ts"
import type { EventId } from "../../../rpc/values/Ids.ts"
import * as BodyDeduplication from "../BodyDeduplication.ts"
import * as Rows from "../Rows.ts"
import { FeedStore } from "./FeedStore.ts"
import * as FlowReads from "./FlowReads.ts"
import * as FlowSteps from "./FlowSteps.ts"
import * as FlowWatch from "./FlowWatch.ts"

export { feedOf, type StepEnd } from "./FlowSteps.ts"

/** So many flows' owners and executions are remembered. */
const remembered = 4_096

const StatusRow = Schema.Struct({ status: FlowStatus })

const IdentityRow = Schema.Struct({ owner: Schema.String, execution_id: Schema.NullOr(Schema.String) })

const encode = Schema.encodeEffect(CompleteFlowRequest)

/** Each change of steps commits with its entries in the feed. */
export class FlowStore extends Context.Service<FlowStore, {
  /** Stores an accepted request, and answers the status of the flow; the same flow id twice is one flow. */
  readonly accept: (flow: {
    readonly flowId: string
    readonly executionId: string
    readonly owner: string
    readonly eventId: EventId
    readonly request: CompleteFlowRequest
    readonly deadline: DateTime.Utc
  }) => Effect.Effect<FlowStatus>
  /**
   * The flow that a body is for: one that failed is tried anew, a minute after it was asked for and once nothing of its
   * payment stands; any other end stays the same, so that nobody is charged or notified twice.
   */
  readonly current: (first: string) => Effect.Effect<string>
  readonly load: (flowId: string) => Effect.Effect<FlowReads.StoredFlow>
  /** Whose it is and how urgent, without its request. */
  readonly turn: (flowId: string) => Effect.Effect<FlowReads.Turn>
  /** Whether it was asked to end (`FlowSteering`). */
  readonly isCanceled: (flowId: string) => Effect.Effect<boolean>
  readonly view: (flowId: string) => Effect.Effect<Option.Option<FlowView & { readonly owner: string }>>
  /** Begins the flow, and its first step; whether it began now, and not before. */
  readonly begin: (flowId: string, first: StepName) => Effect.Effect<boolean>
  /** Nothing for a step that has completed: a process that was frozen may begin it again after another ran it. */
  readonly stepStarted: (flowId: string, step: StepName) => Effect.Effect<void>
  /** Ends a step, and starts those that follow it. */
  readonly stepEnded: (
    flowId: string,
    step: StepName,
    end: FlowSteps.StepEnd,
    next?: ReadonlyArray<StepName>
  ) => Effect.Effect<void>
  /**
   * Shows what became of a step's work after the step: it completed, or it failed by the same code. A flow that completed
   * and now has a failed step completed with errors.
   */
  readonly amend: (flowId: string, step: StepName, end: FlowSteps.StepEnd) => Effect.Effect<void>
  /** Whether a step was ever run. */
  readonly begun: (flowId: string, step: StepName) => Effect.Effect<boolean>
  /** Shows on a step that it was compensated, or why that did not succeed. */
  readonly compensated: (
    flowId: string,
    step: StepName,
    end: Omit<FlowSteps.StepEnd, "status">
  ) => Effect.Effect<void>
  /**
   * Whose a flow is, if there is one, for a reader of these owners' flows. The same work is done for a flow that the reader
   * may not know of as for one that is not there.
   */
  readonly ownerOf: (
    flowId: string,
    mayRead: (owner: string) => boolean
  ) => Effect.Effect<Option.Option<{ readonly owner: string }>>
  /** The workflow execution that waits for this flow's webhooks. */
  readonly executionOf: (flowId: string) => Effect.Effect<Option.Option<string>>
  /**
   * Ends the flow and its step `status`, which tells how, and closes its feed. Unless it failed, tickets that came after the
   * decision of its payment learn of it.
   */
  readonly finish: (
    flowId: string,
    status: FlowStatus,
    error: FlowSteps.StepEnd["error"]
  ) => Effect.Effect<void>
  /** Ends a flow that cannot go on: running steps fail, waiting ones are skipped. */
  readonly abandon: (flowId: string) => Effect.Effect<void>
  /** Accepted and not begun after `seconds`: their start was lost with the process that took the request. */
  readonly forgotten: (seconds: number) => Effect.Effect<ReadonlyArray<FlowWatch.Run>>
  /** Past their deadline, or canceled, while a step waits for an answer. */
  readonly overdue: Effect.Effect<ReadonlyArray<FlowWatch.Overdue>>
  /** So many running flows, in the order in which they were made, after this one. */
  readonly running: (after: number, most: number) => Effect.Effect<ReadonlyArray<FlowWatch.Running>>
  /** The payment of a flow that is over settled after its step was told as failed: it is shown as paid. */
  readonly paid: (flowId: string, result: Schema.Json) => Effect.Effect<void>
}>()("guichet/store/flows/FlowStore") {
  static readonly layer = Layer.effect(
    FlowStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const feeds = yield* FeedStore

      /** A flow's owner and its execution are stored with it and stay. */
      const identityOf = (flowId: string) =>
        Rows.first(IdentityRow)(sql`SELECT owner, execution_id FROM flows WHERE flow_id = ${flowId}`)
      const identities = yield* Cache.makeWith(
        identityOf,
        {
          capacity: remembered,
          timeToLive: (exit) =>
            Exit.isSuccess(exit) && Option.isSome(exit.value) && exit.value.value.execution_id !== null
              ? Duration.infinity
              : Duration.zero
        }
      )
      const executionOf = (flowId: string) =>
        Effect.map(Cache.get(identities, flowId), Option.flatMapNullishOr((row) => row.execution_id))
      /** What is remembered is for its readers alone: anybody else waits for the database, whether there is a flow or none. */
      const ownerOf: FlowStore["Service"]["ownerOf"] = Effect.fnUntraced(function* (flowId, mayRead) {
        const isReaders = Option.exists<typeof IdentityRow.Type>(({ owner }) => mayRead(owner))
        const known = Option.flatten(yield* Cache.getSuccess(identities, flowId))
        if (isReaders(known)) return known
        const found = yield* identityOf(flowId)
        if (isReaders(found)) yield* Cache.set(identities, flowId, found)
        return found
      })

      const statusOf = (flowId: string) =>
        Rows.first(StatusRow)(sql`SELECT status FROM flows WHERE flow_id = ${flowId}`).pipe(
          Effect.flatMap(Effect.fromOption),
          Effect.map(({ status }) => status),
          Effect.orDie
        )

      const accept: FlowStore["Service"]["accept"] = Effect.fn("FlowStore.accept")(function* (flow) {
        const request = yield* Effect.orDie(encode(flow.request))
        const stored = yield* Rows.first(StatusRow)(sql`
          WITH flow AS (
            INSERT INTO flows (flow_id, flow_type, owner, event_id, execution_id, status, request, deadline)
            VALUES (${flow.flowId}, 'complete_event_flow', ${flow.owner},
                    ${flow.eventId}::bigint, ${flow.executionId}, 'accepted',
                    ${JSON.stringify(request)}::jsonb, ${DateTime.toDateUtc(flow.deadline)}::timestamptz)
            ON CONFLICT (flow_id) DO NOTHING RETURNING flow_id
          ), planned AS (
            INSERT INTO flow_steps (flow_id, position, step)
            SELECT flow.flow_id, step.ordinality::int, step.value
            FROM flow, jsonb_array_elements_text(${JSON.stringify(steps)}::jsonb) WITH ORDINALITY AS step
          )
          SELECT 'accepted' AS status FROM flow`)
        if (Option.isNone(stored)) return yield* statusOf(flow.flowId)
        yield* Cache.set(
          identities,
          flow.flowId,
          Option.some({ owner: flow.owner, execution_id: flow.executionId })
        )
        return stored.value.status
      })

      const current = BodyDeduplication.make(sql, {
        table: "flows",
        id: "flow_id",
        over: sql`(status = 'failed' AND created_at < now() - interval '1 minute' AND NOT EXISTS (
          SELECT 1 FROM payments p
          WHERE p.flow_id = flows.flow_id AND p.status NOT IN ('canceled', 'refunded')))`
      })

      return {
        accept,
        current,
        executionOf,
        ownerOf,
        ...FlowReads.make(sql),
        ...FlowSteps.make(sql, feeds),
        ...FlowWatch.make(sql)
      }
    })
  )
}
