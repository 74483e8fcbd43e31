/** What is measured of the work itself: entities, flows, tickets, scans, payments, messages. */
import { Effect, Exit } from "effect"
import { Rpc } from "effect/rpc"
import * as Instruments from "./Instruments.ts"

const answered = Instruments.duration("rpc.server.duration", {
  description: "How long entities took for their messages, by entity, message and error",
  labels: ["rpc.service", "rpc.method", "error.type"]
})

const tagOf = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return ""
  for (const reason of exit.cause.reasons) {
    if (reason._tag === "Die") return "Defect"
    if (reason._tag !== "Fail") continue
    const { error } = reason as { readonly error: unknown }
    return typeof error === "object" && error !== null && "_tag" in error ? String(error._tag) : "Failure"
  }
  return "Interrupted"
}

/** Measures the handlers of an entity, each under its message. */
export const measured = <Handlers extends object>(entity: string, handlers: Handlers): Handlers => {
  const timed = (message: string) => (answer: object): object => {
    if (!Effect.isEffect(answer)) return answer
    return Effect.suspend(() => {
      const began = performance.now()
      return Effect.onExit(
        answer as Effect.Effect<unknown, unknown>,
        (exit) =>
          Effect.sync(() =>
            answered.update((performance.now() - began) / 1_000, entity, message, tagOf(exit))
          )
      )
    })
  }
  return Object.fromEntries(
    Object.entries(handlers).map(([message, handler]) => [
      message,
      (...request: ReadonlyArray<unknown>) => Rpc.wrapMap(handler(...request), timed(message))
    ])
  ) as Handlers
}

const started = Instruments.counter("guichet.orchestration.started", {
  description: "Flows, jobs, sequences and payments that began, by type: the START lines of the log",
  unit: "{flow}",
  labels: ["guichet.flow.type"]
})

const ended = Instruments.duration("guichet.orchestration.duration", {
  description:
    "How long flows, jobs, sequences and payments took, by type and outcome: the COMPLETE lines of the log",
  labels: ["guichet.flow.type", "guichet.outcome"],
  boundaries: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 86_400]
})

export const flowStarted = (type: string): void => started.update(1, type)

/** `outcome` is `completed`, or the first error's code. */
export const flowEnded = (type: string, outcome: string, millis: number): void =>
  ended.update(millis / 1_000, type, outcome)

const tickets = Instruments.counter("guichet.tickets", {
  description: "Tickets that jobs have made, by outcome",
  unit: "{ticket}",
  labels: ["guichet.outcome"]
})

export const ticketsReported = (generated: number, failed: number): void => {
  if (generated > 0) tickets.update(generated, "generated")
  if (failed > 0) tickets.update(failed, "failed")
}

const scans = Instruments.counter("guichet.scans", {
  description: "Scans that the gates of this process have decided, by result",
  unit: "{scan}",
  labels: ["guichet.result"]
})

/** The results of a batch, in which most are the same. */
export const scansDecided = (verdicts: ReadonlyArray<{ readonly result: string } | null>): void => {
  const counts = new Map<string, number>()
  for (const verdict of verdicts) {
    const result = verdict?.result ?? "undecided"
    counts.set(result, (counts.get(result) ?? 0) + 1)
  }
  counts.forEach((count, result) => scans.update(count, result))
}

const payments = Instruments.counter("guichet.payment.changes", {
  description: "Payments that came into a state, by state",
  unit: "{payment}",
  labels: ["guichet.state"]
})

export const paymentIs = (state: string): void => payments.update(1, state)

const messages = Instruments.counter("guichet.messages", {
  description: "Messages that the notification service was asked to send, by channel and outcome",
  unit: "{message}",
  labels: ["guichet.channel", "guichet.outcome"]
})

/** `outcome` is `sent`, or the name of the refusal. */
export const messageEnded = (channel: string, exit: Exit.Exit<unknown, unknown>): void =>
  messages.update(1, channel, tagOf(exit) || "sent")
