/** One running flow: what it was asked to do, and the names of everything it makes. */
import type { DateTime } from "effect"
import type { CompleteFlowRequest, StepName } from "../../rpc/CompleteFlow.ts"
import type { Outcome } from "./Outcome.ts"
import type { EventId } from "../../rpc/values/Ids.ts"

/** Names are derived from the flow's own, so that a step that runs twice makes its thing once. */
export interface Plan {
  readonly flowId: string
  readonly executionId: string
  readonly owner: string
  readonly eventId: EventId
  readonly request: CompleteFlowRequest
  readonly createdAt: DateTime.Utc
  readonly deadline: DateTime.Utc
  /** Steps that ended before this run began, and are not run again. */
  readonly ended: ReadonlyMap<StepName, Outcome>
  /** Whether the flow had ended by then. */
  readonly over: boolean
}

const suffix = (flowId: string): string => flowId.slice("flow_".length)

/** The generation job of the flow's n-th try. */
export const jobIdOf = (flowId: string, attempt: number): string => `job_${suffix(flowId)}_${attempt}`

export const paymentIdOf = (flowId: string): string => `pay_${suffix(flowId)}`

export const remindersIdOf = (flowId: string): string => `seq_${suffix(flowId)}`

/** Which try of its flow a job is; null for a job that a client asked for. */
export const attemptOf = (jobId: string): number => Number(/_(\d+)$/.exec(jobId)?.[1] ?? 1)

/** The name of the refund of a payment that is for nothing: whoever notices it first, it is one. */
export const wholeRefund = "whole"

/** Why it is made. */
export const refundReason = "no ticket is left that it pays for"
