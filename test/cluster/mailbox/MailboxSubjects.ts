/** The storages that must behave alike: Effect's own, ours on PostgreSQL, ours embedded; and what is sent to them. */
import { Context, Effect, Exit, Layer, Option, Schedule, Schema } from "effect"
import {
  ClusterSchema,
  DeliverAt,
  EntityAddress,
  EntityId,
  EntityType,
  Envelope,
  Message,
  MessageStorage,
  Reply,
  ShardId,
  Sharding,
  ShardingConfig,
  Snowflake,
  SqlMessageStorage
} from "effect/cluster"
import { Headers } from "effect/http"
import { PrimaryKey } from "effect"
import { Rpc, RpcSchema } from "effect/rpc"
import type { SqlClient } from "effect/sql"
import { tuning } from "../../../src/cluster/Cluster.ts"
import * as PatientStorage from "../../../src/cluster/PatientStorage.ts"
import * as Platform from "../../../src/Platform.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

type Storage = Layer.Layer<
  MessageStorage.MessageStorage,
  never,
  SqlClient.SqlClient | ShardingConfig.ShardingConfig
>

export const stock: Storage = SqlMessageStorage.layer.pipe(Layer.provide(Platform.digest))
export const ours: Storage = PatientStorage.layerSql.pipe(Layer.provide(Platform.digest))

/**
 * A cluster is there once its runner has its shards: what is sent before that is stored for whoever will have them, and
 * is found by the next poll.
 */
export const ready = Layer.effectDiscard(
  Effect.flatMap(Sharding.Sharding, (sharding) =>
    Effect.repeat(Effect.void, {
      until: () =>
        Array.from({ length: tuning.shardsPerGroup! }, (_, at) => ShardId.make("default", at + 1))
          .every((shard) => sharding.hasShardId(shard)),
      schedule: Schedule.spaced("5 millis")
    }))
)

/** Nothing is found by a poll: a storage that reads no more than it must is told by each call itself. */
export const config = ShardingConfig.layer({ ...tuning, entityMessagePollInterval: "1 hour" })

export interface Subject {
  readonly name: string
  readonly storage: Storage
  readonly database: Layer.Layer<SqlClient.SqlClient>
  readonly isSkipped: boolean
}

const withoutServer = TestDatabase.serverUrl === undefined

export const subjects: ReadonlyArray<Subject> = [
  { name: "the stock storage", storage: stock, database: TestDatabase.layer, isSkipped: false },
  {
    name: "ours on PostgreSQL",
    storage: ours,
    database: TestDatabase.layerPostgres,
    isSkipped: withoutServer
  },
  { name: "ours embedded", storage: ours, database: TestDatabase.layerEmbedded, isSkipped: false }
]

/** Whole clusters: each storage under Effect's engine of workflows, and ours under the journal. */
export const clusters: ReadonlyArray<Subject & { readonly isJournaled: boolean }> = [
  ...subjects.map((subject) => ({ ...subject, isJournaled: false })),
  ...subjects.filter(({ storage }) => storage === ours).map((subject) => ({
    ...subject,
    name: `${subject.name} with the journal`,
    isJournaled: true
  }))
]

const Note = Rpc.make("Note", { payload: { text: Schema.String }, success: Schema.Int, error: Schema.String })

class Keyed extends Schema.Class<Keyed>("Keyed")({ key: Schema.String, text: Schema.String }) {
  [PrimaryKey.symbol]() {
    return this.key
  }
}

class Timed extends Schema.Class<Timed>("Timed")({ key: Schema.String, at: Schema.DateTimeUtc }) {
  [PrimaryKey.symbol]() {
    return this.key
  }
  [DeliverAt.symbol]() {
    return this.at
  }
}

const KeyedNote = Rpc.make("KeyedNote", { payload: Keyed, success: Schema.Int })
const TimedNote = Rpc.make("TimedNote", { payload: Timed, success: Schema.Int })
const Pages = Rpc.make("Pages", { success: RpcSchema.Stream(Schema.Int, Schema.Never) })

export const shard = ShardId.make("default", 1)
export const otherShard = ShardId.make("default", 2)

export const addressOf = (entityId: string, shardId = shard) =>
  EntityAddress.make({ shardId, entityType: EntityType.make("Notes"), entityId: EntityId.make(entityId) })

const ids = Effect.runSync(Snowflake.makeGenerator)

export const nextId = (): Snowflake.Snowflake => ids.nextUnsafe()

/** The rpcs need no services, and the storage looks at no payload's type. */
type AnyRpc = Rpc.Rpc<string, Schema.Top, Schema.Top, Schema.Top>

const noServices = Context.empty() as Context.Context<Rpc.Services<AnyRpc>>

const outgoing = (rpc: Rpc.Any, address: EntityAddress.EntityAddress, payload: unknown) =>
  new Message.OutgoingRequest<AnyRpc>({
    envelope: Envelope.makeRequest<AnyRpc>({
      requestId: nextId(),
      address,
      tag: rpc._tag,
      payload,
      headers: Headers.fromInput({ "x-note": "of the sender" }),
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      sampled: true
    }),
    annotations: Context.make(ClusterSchema.Persisted, true),
    context: noServices,
    rpc: rpc as AnyRpc,
    lastReceivedReply: Option.none(),
    respond: () => Effect.void
  })

export type Sent = ReturnType<typeof outgoing>

/** A request without a key. */
export const note = (text: string, entity = "one", shardId = shard): Sent =>
  outgoing(Note, addressOf(entity, shardId), { text })

/** A request with a key. */
export const keyed = (key: string, text: string, entity = "one"): Sent =>
  outgoing(KeyedNote, addressOf(entity), new Keyed({ key, text }))

const Run = Rpc.make("run", { payload: Keyed })
const Deferred = Rpc.make("deferred", { payload: Keyed })

/** Where a workflow of this name runs. */
export const workflowAddress = (id: string) =>
  EntityAddress.make({
    shardId: shard,
    entityType: EntityType.make("Workflow/Flow"),
    entityId: EntityId.make(id)
  })

/** The run of a workflow. */
export const workflowRun = (id: string): Sent =>
  outgoing(Run, workflowAddress(id), new Keyed({ key: "", text: id }))

/** What a workflow is told. */
export const workflowTold = (id: string): Sent =>
  outgoing(Deferred, workflowAddress(id), new Keyed({ key: "name", text: id }))

/** A request for a time. */
export const timed = (key: string, at: ReturnType<typeof Timed.make>["at"]): Sent =>
  outgoing(TimedNote, addressOf("one"), new Timed({ key, at }))

/** A request whose answer is a stream. */
export const pages = (entity = "one"): Sent => outgoing(Pages, addressOf(entity), undefined)

/** The reply that ends a request. */
export const answer = (request: Sent, value: number) =>
  new Reply.ReplyWithContext<AnyRpc>({
    reply: new Reply.WithExit({
      requestId: request.envelope.requestId,
      id: nextId(),
      exit: Exit.succeed(value)
    }),
    context: noServices,
    rpc: request.rpc
  })

/** A part of a stream. */
export const chunk = (request: Sent, sequence: number, values: readonly [number, ...Array<number>]) =>
  new Reply.ReplyWithContext<AnyRpc>({
    reply: new Reply.Chunk({
      requestId: request.envelope.requestId,
      id: nextId(),
      sequence,
      values: values as readonly [never, ...Array<never>]
    }),
    context: noServices,
    rpc: request.rpc
  })

/** The receiver has the chunk. */
export const acknowledged = (request: Sent, replyId: Snowflake.Snowflake) =>
  new Message.OutgoingEnvelope({
    envelope: new Envelope.AckChunk({
      id: nextId(),
      address: request.envelope.address,
      requestId: request.envelope.requestId,
      replyId
    }),
    rpc: request.rpc
  })

/** The caller waits no more. */
export const interrupted = (request: Sent) =>
  Message.OutgoingEnvelope.interrupt({
    id: nextId(),
    address: request.envelope.address,
    requestId: request.envelope.requestId
  })
