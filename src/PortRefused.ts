/** A port that cannot be listened on: of a service, or of a runner of the cluster. */
import { Schema } from "effect"

const codeOf = (error: unknown): unknown =>
  error instanceof Error ? "code" in error ? error.code : codeOf(error.cause) : undefined

/** The variables that choose an address, and what they chose. */
interface Address {
  readonly hostVariable: string
  readonly host: string
  readonly portVariable: string
  readonly port: number
}

const sentence = ({ host, hostVariable, port, portVariable }: Address, code: unknown): string => {
  const refused = `Port ${port} of ${host} cannot be served`
  switch (code) {
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "EINVAL":
      return `${refused}: set ${hostVariable} to an address of this machine.`
    case "EACCES":
      return `${refused}: this process has no right to it; set ${portVariable} to one above 1023.`
    default:
      return `${refused}: stop what listens there, or set ${portVariable} to another one.`
  }
}

/** `message` says what to do. */
export class PortRefused extends Schema.TaggedError<PortRefused>()("PortRefused", {
  message: Schema.String,
  cause: Schema.Defect()
}) {
  /** The error of an address that environment variables choose. */
  static readonly of = (address: Address) => (cause: unknown): PortRefused =>
    new PortRefused({ cause, message: sentence(address, codeOf(cause)) })
}
