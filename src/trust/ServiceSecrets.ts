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
import { type DerivedKeys, derivedKeys, type KeyPurpose } from "./DerivedKey.ts"
import { keepSecret } from "./SecretFile.ts"
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

/** What a variable gives; an empty value counts as none. */
const given = (variable: string) =>
  Config.map(
    Config.option(Config.Redacted(variable)),
    Option.filter((secret) => Redacted.value(secret) !== "")
  )

const isShort = (secret: Option.Option<Redacted.Redacted>): boolean =>
  Option.isSome(secret) && Redacted.value(secret.value).length < shortest

const missing = (variables: ReadonlyArray<string>) =>
  new SecretMissing({
    variables,
    message: `Set ${variables.join(", ")} to a random secret of at least ${shortest} characters ` +
      `(openssl rand -base64 32 makes one): services do not talk without it.`
  })

/** A secret that need not be set, and the one that it replaces; one that is given and too short is refused. */
export const optionalSecrets = Effect.fn("ServiceSecrets.optional")(function* (variable: string) {
  const [current, previous] = yield* Config.all([given(variable), given(`${variable}_PREVIOUS`)])
  const wrong = [
    ...(isShort(current) ? [variable] : []),
    ...(isShort(previous) ? [`${variable}_PREVIOUS`] : [])
  ]
  if (wrong.length > 0) return yield* missing(wrong)
  return Option.map(current, (secret) => [secret, ...Option.toArray(previous)] as const)
})

type Pairs = Readonly<Record<ServiceName, SecretPair>>

/** A secret that is given and too short is refused, never replaced by what `otherwise` makes. */
const load = Effect.fn("ServiceSecrets.load")(function* <E = never, R = never>(
  otherwise: (name: ServiceName) => Effect.Effect<Option.Option<Redacted.Redacted>, E, R>
) {
  const pairs: Partial<Record<ServiceName, SecretPair>> = {}
  const wrong: Array<string> = []
  for (const name of ServiceName.literals) {
    const variable = secretVariables[name]
    const [current, previous] = yield* Config.all([given(variable), given(`${variable}_PREVIOUS`)])
    const chosen = Option.isSome(current) ? current : yield* otherwise(name)
    if (Option.isNone(chosen) || isShort(current)) wrong.push(variable)
    else pairs[name] = { current: chosen.value, previous: Option.getOrUndefined(previous) }
    if (isShort(previous)) wrong.push(`${variable}_PREVIOUS`)
  }
  if (wrong.length > 0) return yield* missing(wrong)
  return ServiceSecrets.make(pairs as Pairs)
})

/** Secrets by service name. */
export class ServiceSecrets extends Context.Service<ServiceSecrets, {
  readonly signing: (name: ServiceName) => Redacted.Redacted
  readonly accepted: (name: ServiceName) => ReadonlyArray<Redacted.Redacted>
  /** Keys for one purpose of our own, derived from a service's secret and from the one that it replaces. */
  readonly derived: (name: ServiceName, purpose: KeyPurpose) => DerivedKeys
}>()("guichet/trust/ServiceSecrets") {
  /** From given pairs. */
  static readonly make = (pairs: Pairs): ServiceSecrets["Service"] => {
    const accepted = (name: ServiceName) => {
      const { current, previous } = pairs[name]
      return previous === undefined ? [current] as const : [current, previous] as const
    }
    return ServiceSecrets.of({
      signing: (name) => pairs[name].current,
      accepted,
      derived: (name, purpose) => derivedKeys(accepted(name), purpose)
    })
  }

  /** From the environment: every secret must be there, and the failure names each one that is not. */
  static readonly layerConfig: Layer.Layer<ServiceSecrets, SecretMissing | Config.ConfigError> = Layer.effect(
    ServiceSecrets,
    load(() => Effect.succeedNone)
  )

  /**
   * For the embedded database: what the environment does not give is made at random in
   * `<directory>/secrets`, mode 0600.
   */
  static readonly layerFile = (directory: string): Layer.Layer<
    ServiceSecrets,
    SecretMissing | Config.ConfigError | PlatformError.PlatformError,
    FileSystem.FileSystem
  > =>
    Layer.effect(
      ServiceSecrets,
      load((name) =>
        Effect.map(
          keepSecret(directory, name, () => randomBytes(32).toString("base64url")),
          ({ text }) => Option.some(text)
        )
      )
    )
}
