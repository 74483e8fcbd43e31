/** Answers for providers of mail: what a report says is on the organisers' lists before it is answered. */
import { Effect, Option } from "effect"
import { HttpServerRequest } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { ServiceRefused, Unavailable } from "../../http/Problems.ts"
import type { Feedback } from "../../services/notifications/feedback/Feedback.ts"
import { FeedbackReaders, type Provider } from "../../services/notifications/feedback/FeedbackReaders.ts"
import { SuppressionStore } from "../../store/notifications/SuppressionStore.ts"
import * as UnprovedBodies from "../../trust/UnprovedBodies.ts"
import { apiOf } from "../rules/CoreApi.ts"
import { FeedbackGroup } from "./FeedbackApi.ts"

const refused = new ServiceRefused({
  detail: "Prove that this report comes from its provider, as /docs says for its path."
})

const later = new Unavailable({
  detail: "The provider could not be asked for its certificate: send it again.",
  retry_after: 10
})

/** The organiser whose message it was; where the message is not known, every organiser with a guest of that address. */
const ownersOf = Effect.fnUntraced(function* ({ address, message }: Feedback) {
  const suppressions = yield* SuppressionStore
  const known = message === undefined ? Option.none() : yield* suppressions.messageOf(message)
  return Option.isSome(known) && known.value.owner !== null
    ? [known.value.owner]
    : yield* suppressions.ownersOf(address)
})

const take = Effect.fn("FeedbackHttp.take")(function* (feedback: Feedback) {
  const suppressions = yield* SuppressionStore
  const owners = yield* ownersOf(feedback)
  yield* Effect.forEach(
    owners,
    (owner) => suppressions.add(owner, { ...feedback, channel: "email" }),
    { discard: true }
  )
  return owners.length
})

export const FeedbackHttpLayer = HttpApiBuilder.group(
  apiOf(FeedbackGroup),
  "mailFeedback",
  Effect.fn(function* (handlers) {
    const readers = yield* FeedbackReaders
    const suppressions = yield* SuppressionStore
    const receive = (provider: Provider) => () =>
      Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const raw = yield* UnprovedBodies.read(request)
        const reports = yield* readers[provider](raw, request.headers).pipe(
          Effect.catchTags({
            NotFromProvider: () => Effect.fail(refused),
            ProviderAway: () => Effect.fail(later)
          })
        )
        const listed = yield* Effect.forEach(reports, take).pipe(
          Effect.provideService(SuppressionStore, suppressions)
        )
        return { received: true, suppressed: listed.reduce((sum, count) => sum + count, 0) } as const
      })
    return handlers.handleAll({
      ses: receive("ses"),
      mailgun: receive("mailgun"),
      postmark: receive("postmark"),
      plain: receive("plain")
    })
  })
)
