/** Why the demonstration is not a success, as sentences for whoever ran it. */
import { Schema } from "effect"

export class DemoFailed extends Schema.TaggedError<DemoFailed>()("DemoFailed", {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  /** One failure out of everything that was not as it should be. */
  static readonly of = (sentences: ReadonlyArray<string>): DemoFailed =>
    new DemoFailed({ message: sentences.join("\n         ") })
}
