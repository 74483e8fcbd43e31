/** Reads a MIME message as a mail client would, for the tests. */

/** One leaf of the message; `body` is decoded. */
export interface Part {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

const decode = (text: string, encoding: string | undefined): Buffer => {
  switch (encoding?.toLowerCase()) {
    case "base64":
      return Buffer.from(text, "base64")
    case "quoted-printable":
      return Buffer.from(
        text.replace(/=\r\n/g, "").replace(
          /=([0-9A-F]{2})/gi,
          (_, hex: string) => String.fromCharCode(parseInt(hex, 16))
        ),
        "latin1"
      )
    default:
      return Buffer.from(text, "latin1")
  }
}

const word = (value: string) =>
  value.replace(/\?=\s+=\?/g, "?==?").replace(
    /=\?utf-8\?([bq])\?(.*?)\?=/gi,
    (_, kind: string, text: string) =>
      decode(
        kind.toLowerCase() === "b" ? text : text.replaceAll("_", " "),
        kind.toLowerCase() === "b" ? "base64" : "quoted-printable"
      )
        .toString("utf8")
  )

/** The headers of the message and all of its leaves, in order. */
export const parse = (raw: Uint8Array): Part & { readonly leaves: ReadonlyArray<Part> } => {
  const text = Buffer.from(raw).toString("latin1")
  const at = text.indexOf("\r\n\r\n")
  const headers = Object.fromEntries(
    text.slice(0, at).replace(/\r\n[ \t]+/g, " ").split("\r\n").map((line) => {
      const colon = line.indexOf(":")
      return [line.slice(0, colon).toLowerCase(), word(line.slice(colon + 1).trim())]
    })
  )
  const boundary = /boundary="?([^";]+)"?/.exec(headers["content-type"] ?? "")?.[1]
  const inside = text.slice(at + 4)
  if (boundary === undefined) {
    const leaf = { headers, body: decode(inside, headers["content-transfer-encoding"]) }
    return { ...leaf, leaves: [leaf] }
  }
  const parts = inside.split(`--${boundary}`).slice(1, -1)
  const leaves = parts.flatMap((part) =>
    parse(Buffer.from(part.replace(/^\r\n/, "").replace(/\r\n$/, ""), "latin1")).leaves
  )
  return { headers, body: Buffer.alloc(0), leaves }
}

/** The leaf of a media type, or a failure that says what there is. */
export const leaf = (message: { readonly leaves: ReadonlyArray<Part> }, type: string): Part => {
  const found = message.leaves.find((part) => (part.headers["content-type"] ?? "").startsWith(type))
  if (found === undefined) {
    throw new Error(`no ${type} among ${message.leaves.map((p) => p.headers["content-type"])}`)
  }
  return found
}
