/** Which bucket of which S3-compatible store files go to, as the environment says it. */
import { Config, Effect, Option, Redacted, Schema } from "effect"

/** `endpoint` is an origin; objects are at `<endpoint>/<bucket>/<key>` or, `virtual`, on the bucket's own host. */
export interface S3Bucket {
  readonly endpoint: string
  readonly bucket: string
  readonly region: string
  /** Folders before every key, without slashes around them; empty for none. */
  readonly prefix: string
  readonly addressing: "path" | "virtual"
  readonly accessKeyId: Redacted.Redacted
  readonly secretAccessKey: Redacted.Redacted
}

/** The `FILES_S3_…` variables do not name a bucket; `message` says which one to mend. */
export class BucketMisconfigured
  extends Schema.TaggedError<BucketMisconfigured>()("BucketMisconfigured", { message: Schema.String }) {}

const needed = ["ENDPOINT", "BUCKET", "REGION", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY"] as const

const shapes = {
  ENDPOINT: [
    /^https?:\/\/[A-Za-z0-9.-]+(:\d{1,5})?\/?$/,
    "an origin such as https://s3.eu-west-3.amazonaws.com"
  ],
  BUCKET: [/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "a bucket's name such as guichet-files"],
  REGION: [/^[a-z0-9-]{1,50}$/, "a region such as eu-west-3"],
  PREFIX: [/^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/, "folders such as guichet/production"],
  ADDRESSING: [/^(path|virtual)$/, "path or virtual"],
  ACCESS_KEY_ID: [/^[\x21-\x7e]{1,128}$/, "an access key's id"],
  SECRET_ACCESS_KEY: [/^[\x21-\x7e]{1,128}$/, "a secret access key"]
} as const
type Name = keyof typeof shapes

const variable = (name: Name) => `FILES_S3_${name}`

/** The variables that are read. */
export const bucketVariables: ReadonlyArray<string> = Object.keys(shapes).map((name) =>
  variable(name as Name)
)

const given = Config.all(
  Object.fromEntries(
    Object.keys(shapes).map((name) => [
      name,
      Config.map(
        Config.option(Config.Redacted(variable(name as Name))),
        Option.filter((value) => Redacted.value(value).trim() !== "")
      )
    ])
  ) as Record<Name, Config.Config<Option.Option<Redacted.Redacted>>>
)

const listed = new Intl.ListFormat("en", { type: "conjunction" })

/** None when no variable is set; an empty one counts as not set. A bucket named by halves is refused. */
export const bucketConfig: Effect.Effect<
  Option.Option<S3Bucket>,
  BucketMisconfigured | Config.ConfigError
> = Effect.gen(function* () {
  const values = yield* given
  if (Object.values(values).every(Option.isNone)) return Option.none()
  const missing = needed.filter((name) => Option.isNone(values[name])).map(variable)
  if (missing.length > 0) {
    return yield* new BucketMisconfigured({
      message: `Set ${listed.format(missing)} too, or no FILES_S3_ variable at all to keep files in a folder.`
    })
  }
  const text = (name: Name, otherwise = "") =>
    Option.match(values[name], { onNone: () => otherwise, onSome: (value) => Redacted.value(value).trim() })
  for (const name of Object.keys(shapes) as ReadonlyArray<Name>) {
    const [shape, words] = shapes[name]
    if (Option.isSome(values[name]) && !shape.test(text(name))) {
      return yield* new BucketMisconfigured({ message: `${variable(name)} is not ${words}.` })
    }
  }
  if (!URL.canParse(text("ENDPOINT"))) {
    return yield* new BucketMisconfigured({
      message: `${variable("ENDPOINT")} is not ${shapes.ENDPOINT[1]}.`
    })
  }
  const numbered = /^[\d.]+$/.test(new URL(text("ENDPOINT")).hostname)
  if (text("ADDRESSING") === "virtual" && numbered) {
    return yield* new BucketMisconfigured({
      message: `${variable("ADDRESSING")} is virtual, but ${
        variable("ENDPOINT")
      } is a number: no bucket has a host there.`
    })
  }
  return Option.some<S3Bucket>({
    endpoint: text("ENDPOINT").replace(/\/$/, ""),
    bucket: text("BUCKET"),
    region: text("REGION"),
    prefix: text("PREFIX"),
    addressing: text("ADDRESSING") === "virtual" ? "virtual" : "path",
    accessKeyId: Redacted.make(text("ACCESS_KEY_ID")),
    secretAccessKey: Redacted.make(text("SECRET_ACCESS_KEY"))
  })
})

/** The address of the object that a key names. */
export const objectUrl = ({ addressing, bucket, endpoint, prefix }: S3Bucket, key: string): URL => {
  const path = prefix === "" ? key : `${prefix}/${key}`
  const origin = new URL(endpoint)
  if (addressing === "path") return new URL(`/${bucket}/${path}`, origin)
  origin.host = `${bucket}.${origin.host}`
  return new URL(`/${path}`, origin)
}
