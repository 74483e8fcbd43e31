/** Hands one SMS to a provider; without one, to the outbox as a text file. */
import { Context, DateTime, Effect, Layer } from "effect"
import { DeliveryError, Unreachable } from "./DeliveryError.ts"
import * as Outbox from "./Outbox.ts"
import * as SmsText from "./SmsText.ts"

/** A text to one mobile number in E.164 that has been checked. */
export interface Sms {
  readonly messageId: string
  readonly to: string
  readonly text: string
}

/** The port of SMS: answers the segments the text was cut into. */
export class SmsTransport extends Context.Service<SmsTransport, {
  readonly provider: string
  readonly send: (sms: Sms) => Effect.Effect<{ readonly segments: number }, DeliveryError>
}>()("guichet/services/notifications/SmsTransport") {
  /** Every text becomes `<dir>/outbox/<id>.sms.txt`. */
  static readonly layerOutbox = (dir: string) =>
    Layer.effect(
      SmsTransport,
      Effect.gen(function* () {
        const outbox = yield* Outbox.make(dir)
        const send = Effect.fn("SmsTransport.send")(function* (sms: Sms) {
          const { encoding, segments, units } = SmsText.measure(sms.text)
          const file = [
            `To: ${sms.to}`,
            `Date: ${DateTime.formatIso(yield* DateTime.now)}`,
            `Segments: ${segments} (${encoding}, ${units} units)`,
            "",
            sms.text,
            ""
          ].join("\n")
          yield* outbox.write(`${Outbox.stem(sms.messageId)}.sms.txt`, new TextEncoder().encode(file)).pipe(
            Effect.mapError((error) =>
              new DeliveryError({ reason: new Unreachable({ cause: error.reason._tag }) })
            )
          )
          return { segments }
        })
        return SmsTransport.of({ provider: "outbox", send })
      })
    )
}
