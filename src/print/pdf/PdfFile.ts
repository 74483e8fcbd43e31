/** The objects of one PDF file, and the file that they become (ISO 32000-1 §7). */

/** A reference to an object, as it is written. */
export type Ref = `${number} 0 R`

/** The entries of a dictionary, by names of letters and digits, in PDF syntax; those without a value are left out. */
export type Entries = Readonly<Record<string, string | number | undefined>>

/** A name in PDF syntax (§7.3.5). */
export const name = (value: string): string =>
  `/${value.replace(/[^\w+.-]/g, (letter) => `#${letter.charCodeAt(0).toString(16).padStart(2, "0")}`)}`

/** A text in UTF-16BE, as hexadecimal digits. */
export const utf16 = (value: string): string => {
  let digits = ""
  for (let at = 0; at < value.length; at++) digits += value.charCodeAt(at).toString(16).padStart(4, "0")
  return digits
}

/** A text string in PDF syntax (§7.9.2): as it is when it is printable ASCII, otherwise in UTF-16BE. */
export const text = (value: string): string =>
  /^[ -~]*$/.test(value) ? `(${value.replace(/[\\()]/g, "\\$&")})` : `<feff${utf16(value)}>`

/** A date in PDF syntax (§7.9.4), in UTC and whole seconds. */
export const date = (value: Date): string => `(D:${value.toISOString().replace(/\D/g, "").slice(0, 14)}Z)`

/** An array in PDF syntax. */
export const array = (values: ReadonlyArray<string | number>): string => `[${values.join(" ")}]`

/** A dictionary in PDF syntax. */
export const dictionary = (entries: Entries): string => {
  let written = "<<"
  for (const key in entries) {
    const value = entries[key]
    if (value !== undefined) written += ` /${key} ${value}`
  }
  return `${written} >>`
}

interface Body {
  readonly written: string
  readonly stream?: Uint8Array
}

const encoder = new TextEncoder()

/** The parts behind each other; text is ASCII: whatever else there is to say is hexadecimal or compressed. */
const joined = (parts: ReadonlyArray<string | Uint8Array>): Uint8Array => {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    if (typeof part !== "string") bytes.set(part, at)
    else if (encoder.encodeInto(part, bytes.subarray(at, at + part.length)).read !== part.length) {
      throw new RangeError("A PDF object holds text that is not ASCII")
    }
    at += part.length
  }
  return bytes
}

/** A file that grows by objects, numbered from 1 in the order in which they were asked for. */
export class PdfFile {
  private readonly bodies: Array<Body> = []

  /** An object to be written later, and `null` until then. */
  reserve(): Ref {
    return `${this.bodies.push({ written: "null" })} 0 R`
  }

  /** Writes a reserved object. */
  set(ref: Ref, entries: Entries): void {
    this.bodies[Number.parseInt(ref) - 1] = { written: dictionary(entries) }
  }

  /** Another dictionary. */
  add(entries: Entries): Ref {
    return `${this.bodies.push({ written: dictionary(entries) })} 0 R`
  }

  /** Another stream; its bytes are encoded as its entries say. */
  addStream(stream: Uint8Array, entries: Entries): Ref {
    return `${this.bodies.push({ written: dictionary({ ...entries, Length: stream.length }), stream })} 0 R`
  }

  /** Header, objects, cross-reference table and trailer. */
  encode(root: Ref, info: Ref): Uint8Array {
    const parts: Array<string | Uint8Array> = ["%PDF-1.7\n%", Uint8Array.of(0x81, 0x81, 0x81, 0x81)]
    let written = 14
    let open = "\n"
    let table = "0000000000 65535 f \n"
    this.bodies.forEach((body, at) => {
      table += `${String(written + open.length).padStart(10, "0")} 00000 n \n`
      open += `${at + 1} 0 obj\n${body.written}\n`
      if (body.stream !== undefined) {
        open += "stream\n"
        parts.push(open, body.stream)
        written += open.length + body.stream.length
        open = "\nendstream\n"
      }
      open += "endobj\n"
    })
    const size = this.bodies.length + 1
    const trailer = dictionary({ Size: size, Root: root, Info: info })
    const start = written + open.length
    parts.push(`${open}xref\n0 ${size}\n${table}trailer\n${trailer}\nstartxref\n${start}\n%%EOF\n`)
    return joined(parts)
  }
}
