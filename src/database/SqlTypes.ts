/** How PostgreSQL values become JavaScript values, the same on the server and on the embedded database. */
import { PgTypes } from "@effect/sql-pg"
import { Result } from "effect"

const decodeInt8 = (bytes: Uint8Array, offset: number): number | bigint => {
  const value = new DataView(bytes.buffer, bytes.byteOffset + offset, 8).getBigInt64(0)
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

const encodeInt8 = (value: number | bigint): Result.Result<Uint8Array, PgTypes.CodecError> => {
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    return Result.fail(new PgTypes.CodecError({ message: `Not a safe integer: ${value}` }))
  }
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigInt64(0, BigInt(value))
  return Result.succeed(bytes)
}

/**
 * `int8` reads as a number while it is a safe integer and stays a bigint beyond, as the cluster's
 * snowflake ids need; a row schema that says `Schema.Int` therefore refuses what a number would round.
 */
export const SqlTypes: PgTypes.Registry = PgTypes.makeRegistry()

SqlTypes.register<number | bigint>(PgTypes.OID.int8, {
  encode: encodeInt8,
  decode: (bytes) => Result.succeed(decodeInt8(bytes, 0)),
  read: (bytes, offset) => Result.succeed(decodeInt8(bytes, offset))
})
