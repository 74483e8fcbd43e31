/**
 * The verifier of the tests agrees with AWS, and the product with the verifier.
 * Guards: the verifier computes AWS's published signatures; any change of method, path, query, signed header, body,
 * region, key or secret is refused.
 */
import { assert, describe, it } from "@effect/vitest"
import { type Asked, refusal, signatureOf } from "../support/SigV4.ts"

const aws = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  region: "us-east-1",
  now: Date.parse("2013-05-24T00:00:00Z")
}
const nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
const common = {
  "host": "examplebucket.s3.amazonaws.com",
  "x-amz-content-sha256": nothing,
  "x-amz-date": "20130524T000000Z"
}

/** The four examples of the page, with the signatures printed on it. */
const published: ReadonlyArray<readonly [name: string, asked: Asked, signature: string]> = [
  ["GET object", {
    method: "GET",
    path: "/test.txt",
    query: "",
    headers: { ...common, range: "bytes=0-9" },
    body: new Uint8Array()
  }, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"],
  ["PUT object", {
    method: "PUT",
    path: "/test$file.text",
    query: "",
    headers: {
      ...common,
      "date": "Fri, 24 May 2013 00:00:00 GMT",
      "x-amz-content-sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
      "x-amz-storage-class": "REDUCED_REDUNDANCY"
    },
    body: new TextEncoder().encode("Welcome to Amazon S3.")
  }, "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"],
  ["GET bucket lifecycle", {
    method: "GET",
    path: "/",
    query: "lifecycle",
    headers: common,
    body: new Uint8Array()
  }, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"],
  ["GET bucket (list objects)", {
    method: "GET",
    path: "/",
    query: "max-keys=2&prefix=J",
    headers: common,
    body: new Uint8Array()
  }, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"]
]

const signed = (asked: Asked, signature: string): Asked => ({
  ...asked,
  headers: {
    ...asked.headers,
    authorization: `AWS4-HMAC-SHA256 Credential=${aws.accessKeyId}/20130524/us-east-1/s3/aws4_request,` +
      `SignedHeaders=${Object.keys(asked.headers).sort().join(";")},Signature=${signature}`
  }
})

describe("the verifier of signatures", () => {
  for (const [name, asked, signature] of published) {
    it(`computes what AWS prints for ${name}`, () => {
      assert.strictEqual(signatureOf(asked, Object.keys(asked.headers).sort(), aws), signature)
      assert.isUndefined(refusal(signed(asked, signature), aws))
    })
  }

  it("refuses whatever was changed after the signature", () => {
    const put = signed(published[1]![1], published[1]![2])
    const codeOf = (change: Partial<Asked>, keeper: Partial<typeof aws> = {}) =>
      refusal({ ...put, ...change }, { ...aws, ...keeper })?.[1]
    assert.strictEqual(codeOf({ method: "DELETE" }), "SignatureDoesNotMatch")
    assert.strictEqual(codeOf({ path: "/other.text" }), "SignatureDoesNotMatch")
    assert.strictEqual(codeOf({ query: "acl" }), "SignatureDoesNotMatch")
    assert.strictEqual(codeOf({ body: new Uint8Array([1]) }), "XAmzContentSHA256Mismatch")
    assert.strictEqual(
      codeOf({ headers: { ...put.headers, "x-amz-storage-class": "STANDARD" } }),
      "SignatureDoesNotMatch"
    )
    assert.strictEqual(codeOf({ headers: { ...put.headers, "x-amz-acl": "public-read" } }), "AccessDenied")
    assert.strictEqual(codeOf({ headers: common }), "AccessDenied")
    assert.strictEqual(codeOf({}, { secretAccessKey: "another" }), "SignatureDoesNotMatch")
    assert.strictEqual(codeOf({}, { accessKeyId: "another" }), "InvalidAccessKeyId")
    assert.strictEqual(codeOf({}, { region: "eu-west-3" }), "AuthorizationHeaderMalformed")
    assert.strictEqual(codeOf({}, { now: aws.now + 16 * 60_000 }), "RequestTimeTooSkewed")
  })
})
