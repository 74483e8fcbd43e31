/** What one activation of a workflow's execution knows in memory: from its one read, and from what it did since. */
import { Context, type Deferred, type Scope } from "effect"
import type { EntityAddress } from "effect/cluster"
import type { Workflow } from "effect/workflow"
import { executionOf, type Handlers } from "./EngineSeams.ts"
import { nothing, type Stored, type Told } from "./JournalStore.ts"

export interface Activation {
  readonly address: EntityAddress.EntityAddress
  readonly execution: string
  /** Ends with the handlers: a rebuild of them is another activation. */
  readonly scope: Scope.Scope
  /** The engine's own, there before anything runs. */
  handlers: Handlers | undefined
  epoch: number
  steps: Map<string, string>
  told: ReadonlyMap<string, Told>
  /** Steps that run or are being recorded, by their keys; done when they are no longer, with what they wait for if they do. */
  readonly underWay: Map<string, Deferred.Deferred<Workflow.Suspended | undefined>>
  /** Steps that the engine asked for as if they were requests, in their order. */
  readonly lookedUp: Array<string>
  /** A later activation has begun: nothing more is written by this one. */
  isOver: boolean
}

/** Without what is stored it may not begin yet: it is over until it is renewed. */
export const make = (
  address: EntityAddress.EntityAddress,
  scope: Scope.Scope,
  stored: Stored | undefined
): Activation => ({
  address,
  execution: executionOf(address),
  scope,
  handlers: undefined,
  ...stored ?? nothing(),
  underWay: new Map(),
  lookedUp: [],
  isOver: stored === undefined
})

/** Goes on as a new activation, with what is stored now. */
export const renew = (activation: Activation, { epoch, steps, told }: Stored): void => {
  activation.epoch = epoch
  activation.steps = steps
  activation.told = told
  activation.isOver = false
}

/** The activation that a run, and whatever is called within it, belongs to. */
export class CurrentActivation extends Context.Service<CurrentActivation, Activation>()(
  "guichet/cluster/CurrentActivation"
) {}
