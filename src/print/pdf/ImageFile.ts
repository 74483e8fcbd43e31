/** What is known of an image file once it was checked. */

/** What the channels of a picture mean (ISO 32000-1 §8.6.4). */
export type Colours = "DeviceGray" | "DeviceRGB" | "DeviceCMYK"

/** A checked file. `clean` copies what makes its picture, `isWhole` unpacks its pixels: work that may take a moment. */
export interface ImageFile {
  readonly extension: "png" | "jpg"
  readonly contentType: "image/png" | "image/jpeg"
  readonly width: number
  readonly height: number
  /** Of a JPEG file, which is drawn as it is; a PNG is decoded first. */
  readonly colours?: Colours
  readonly clean: () => Uint8Array
  readonly isWhole: () => boolean
}
