/** Why storage could not be opened, as a sentence for whoever started the process. */
import { Schema } from "effect"

/** Raised while the database is opened; `message` says what to do. */
export class DatabaseError extends Schema.TaggedError<DatabaseError>()("DatabaseError", {
  message: Schema.String,
  /** Set where another process has the database: nothing is wrong with it. */
  inUse: Schema.optionalKey(Schema.Boolean),
  cause: Schema.optionalKey(Schema.Defect())
}) {}

/** Another process has the database: nothing is wrong with it. */
export const isInUse = (error: unknown): boolean => error instanceof DatabaseError && error.inUse === true
