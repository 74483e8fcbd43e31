/** The ways in which the cluster itself fails to reach an entity: each passes, and says nothing of the message. */
import { Cause, Predicate, Schema } from "effect"
import {
  AlreadyProcessingMessage,
  EntityNotAssignedToRunner,
  MailboxFull,
  PersistenceError,
  RunnerNotRegistered,
  RunnerUnavailable
} from "effect/cluster/ClusterError"

/** What an entity client can fail with besides the entity's own errors. */
export type ClusterFailure =
  | AlreadyProcessingMessage
  | EntityNotAssignedToRunner
  | MailboxFull
  | PersistenceError
  | RunnerNotRegistered
  | RunnerUnavailable
  | Cause.TimeoutError

/** Whether a failure is the cluster's and passes by itself. */
export const isClusterFailure: (error: unknown) => error is ClusterFailure = Predicate.some([
  Schema.is(AlreadyProcessingMessage),
  Schema.is(EntityNotAssignedToRunner),
  Schema.is(MailboxFull),
  Schema.is(PersistenceError),
  Schema.is(RunnerNotRegistered),
  Schema.is(RunnerUnavailable),
  Cause.isTimeoutError
]) as (error: unknown) => error is ClusterFailure

/** Whether a cause is the cluster's own failure that nobody has caught: what is out of time is not, whoever timed it. */
export const diedOfCluster = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some((reason) =>
    Cause.isDieReason(reason) && isClusterFailure(reason.defect) && !Cause.isTimeoutError(reason.defect)
  )
