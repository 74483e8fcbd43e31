/** A port that cannot be listened on: of a service, or of a runner of the cluster. */
import { Schema } from "effect"

/** `message` says what to do. */
export class PortRefused extends Schema.TaggedError<PortRefused>()("PortRefused", {
  message: Schema.String,
  cause: Schema.Defect()
}) {
  /** The error of a port that an environment variable chooses. */
  static readonly of = (variable: string, host: string, port: number) => (cause: unknown): PortRefused =>
    new PortRefused({
      cause,
      message:
        `Port ${port} of ${host} cannot be served: stop what listens there, or set ${variable} to another one.`
    })
}
