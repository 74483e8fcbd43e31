/** The secret under which each service signs, and those under which its signatures are believed. */
import {
  Config,
  Context,
  Effect,
  FileSystem,
  Layer,
  Option,
  type PlatformError,
  Redacted,
  Schema
} from "effect"
import { randomBytes } from "node:crypto"
import { keepSecret } from "../tickets/SecretFile.ts"
import { secretVariables, ServiceName } from "./ServiceName.ts"

/** A secret is absent or too short; `message` names the variable and says what to do. */
export class SecretMissing extends Schema.TaggedError<SecretMissing>()("SecretMissing", {
  variables: Schema.Array(Schema.String),
  message: Schema.String
}) {}

const shortest = 16

/** Two live secrets a service: the one it signs with, and the previous one while it is being replaced. */
export interface SecretPair {
  readonly current: Redacted.Redacted
  readonly previous?: Redacted.Redacted | undefined
}

const configured = (name: ServiceName) =>
  Config.all({
    current: Config.option(Config.Redacted(secretVariables[name])),
    previous: Config.option(Config.Redacted(`${secretVariables[name]}_PREVIOUS`))
  })

const long = (secret: Option.Option<Redacted.Redacted>) =>
  Option.filter(secret, (value) => Redacted.value(value).length >= shortest)

const toPair = (current: Redacted.Redacted, previous: Option.Option<Redacted.Redacted>): SecretPair => ({
  current,
  previous: Option.getOrUndefined(long(previous))
})

const missing = (variables: ReadonlyArray<string>) =>
  new SecretMissing({
    variables,
    message: `Set ${variables.join(", ")} to a random secret of at least ${shortest} characters ` +
      `(openssl rand -base64 32 makes one): services do not talk without it.`
  })

/** Secrets by service name. */
export class ServiceSecrets extends Context.Service<ServiceSecrets, {
  readonly signing: (name: ServiceName) => Redacted.Redacted
  readonly accepted: (name: ServiceName) => ReadonlyArray<Redacted.Redacted>
}>()("guichet/services/ServiceSecrets") {
  /** From given pairs. */
  static readonly make = (pairs: Readonly<Record<ServiceName, SecretPair>>): ServiceSecrets["Service"] =>
    ServiceSecrets.of({
      signing: (name) => pairs[name].current,
      accepted: (name) => {
        const { current, previous } = pairs[name]
        return previous === undefined ? [current] : [current, previous]
      }
    })

  /** From the environment: every secret must be there, and the failure names each one that is not. */
  static readonly layerConfig: Layer.Layer<ServiceSecrets, SecretMissing | Config.ConfigError> = Layer.effect(
    ServiceSecrets,
    Effect.gen(function* () {
      const pairs: Partial<Record<ServiceName, SecretPair>> = {}
      const absent: Array<string> = []
      for (const name of ServiceName.literals) {
        const { current, previous } = yield* configured(name)
        const usable = long(current)
        if (Option.isNone(usable)) absent.push(secretVariables[name])
        else pairs[name] = toPair(usable.value, previous)
      }
      if (absent.length > 0) return yield* missing(absent)
      return ServiceSecrets.make(pairs as Record<ServiceName, SecretPair>)
    })
  )

  /**
   * For the embedded database: what the environment does not give is made at random in
   * `<directory>/secrets`, mode 0600.
   */
  static readonly layerFile = (directory: string): Layer.Layer<
    ServiceSecrets,
    Config.ConfigError | PlatformError.PlatformError,
    FileSystem.FileSystem
  > =>
    Layer.effect(
      ServiceSecrets,
      Effect.gen(function* () {
        const pairs: Partial<Record<ServiceName, SecretPair>> = {}
        for (const name of ServiceName.literals) {
          const { current, previous } = yield* configured(name)
          const given = long(current)
          const secret = Option.isSome(given)
            ? given.value
            : (yield* keepSecret(directory, name, () => randomBytes(32).toString("base64url"))).text
          pairs[name] = toPair(secret, previous)
        }
        return ServiceSecrets.make(pairs as Record<ServiceName, SecretPair>)
      })
    )
}
