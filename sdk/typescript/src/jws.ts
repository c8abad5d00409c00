import { base64url, fromBase64, fromBase64url, fromUtf8, sha256, utf8, webCrypto, type Bytes } from "./encoding.js";

/** Seconds by which clocks may differ. */
const LEEWAY = 5;
/** Most seconds between `iat` and `exp`. */
const MAX_LIFETIME = 60;

/** The algorithms of a company's key (RFC 7518 section 3.1, RFC 8037 section 3.1). */
export type Algorithm = "EdDSA" | "ES256" | "RS256" | "PS256";

/** Signs bytes in the spelling of JWS: for a key in a KMS or an HSM. An ES256 signature is `r` and `s`, 64 bytes. */
export type Sign = (signingInput: Uint8Array) => Promise<Uint8Array> | Uint8Array;

/** The file that `umoja company add --out FILE` writes. */
export interface Company {
  /** The company's id: the `iss` of its requests. */
  id: string;
  api_key: string;
  /** The name of the key. */
  kid: string;
  alg: Algorithm;
  /** PKCS#8 in PEM. Absent if {@link Company.sign} signs. */
  private_key_pem?: string;
  /** Signs in place of the private key. */
  sign?: Sign;
}

/** A region's public key, an entry of `/.well-known/jwks.json`. */
export interface PublicKey {
  kid: string;
  alg: string;
  x: string;
}

/** What a token cannot be accepted for. The client makes an error of its own of it. */
export class Rejected extends Error {
  constructor(readonly reason: string) {
    super(reason);
  }
}

const ALGORITHMS = {
  EdDSA: { read: { name: "Ed25519" }, use: { name: "Ed25519" } },
  ES256: { read: { name: "ECDSA", namedCurve: "P-256" }, use: { name: "ECDSA", hash: "SHA-256" } },
  RS256: { read: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, use: { name: "RSASSA-PKCS1-v1_5" } },
  PS256: { read: { name: "RSA-PSS", hash: "SHA-256" }, use: { name: "RSA-PSS", saltLength: 32 } },
};

/** What signs with the key of a company file. */
export async function signer(company: Company): Promise<Sign> {
  if (company.sign !== undefined) return company.sign;
  const algorithm = ALGORITHMS[company.alg];
  if (algorithm === undefined) throw new TypeError(`the algorithm ${company.alg} is none of ${Object.keys(ALGORITHMS)}`);
  const der = fromBase64((company.private_key_pem ?? "").replace(/-----[^-]+-----|\s/g, ""));
  if (der === undefined || der.length === 0) throw new TypeError("the company file has no private key in PEM (PKCS#8)");
  const { subtle } = await webCrypto();
  const key = await subtle.importKey("pkcs8", der, algorithm.read, false, ["sign"]);
  return async (input) => new Uint8Array(await subtle.sign(algorithm.use, key, input as Bytes));
}

/** What a request says beside its body. */
export interface RequestClaims {
  /** The region's base URL. */
  url: string;
  /** The path of the operation. */
  path: string;
  /** Now by the region's clock, in Unix seconds. */
  now: number;
  jti: string;
  idk?: string | undefined;
  body: object;
}

/** The signed part of a request: header and claims. */
export async function signingInput(company: Company, request: RequestClaims): Promise<string> {
  const header = { alg: company.alg, kid: company.kid, typ: "umoja-req+jwt" };
  const claims = {
    iss: company.id,
    aud: request.url,
    iat: request.now,
    exp: request.now + MAX_LIFETIME,
    jti: request.jti,
    htm: "POST",
    htu: request.url + request.path,
    akh: base64url(await sha256(utf8(company.api_key))),
    idk: request.idk,
    body: request.body,
  };
  return [header, claims].map((part) => base64url(utf8(JSON.stringify(part)))).join(".");
}

/** Signs a request: its token. */
export async function signRequest(company: Company, sign: Sign, request: RequestClaims): Promise<string> {
  const input = await signingInput(company, request);
  return `${input}.${base64url(await sign(utf8(input)))}`;
}

/** The claims of an answer. */
export interface AnswerClaims {
  iss: string;
  aud: string;
  iat: number;
  exp: number;
  rjti: string;
  rqh: string;
  status: number;
  body: unknown;
}

/** What an answer has to answer. */
export interface ExpectedAnswer {
  /** The base URL of the region that was asked. */
  url: string;
  /** The id of the company. */
  company: string;
  jti: string;
  /** {@link requestHash} of the token that was sent. */
  rqh: string;
  httpStatus: number;
}

/** Unpadded base64url of SHA-256 over a token, to which its answer is bound. */
export async function requestHash(token: string): Promise<string> {
  return base64url(await sha256(utf8(token)));
}

/** Checks all of an answer but its times, and returns its claims. */
export async function checkAnswer(token: string, keys: PublicKey[], expected: ExpectedAnswer): Promise<AnswerClaims> {
  const claims = await verify(token, "umoja-res+jwt", keys);
  const names = Object.keys(claims);
  const known = ["iss", "aud", "iat", "exp", "rjti", "rqh", "status", "body"];
  if (names.some((name) => !known.includes(name))) throw new Rejected("malformed");
  const wanted = { iss: expected.url, aud: expected.company, rjti: expected.jti, rqh: expected.rqh };
  for (const [name, value] of Object.entries(wanted)) if (claims[name] !== value) throw new Rejected(name);
  for (const name of ["iat", "exp", "status"]) {
    if (!Number.isSafeInteger(claims[name]) || (claims[name] as number) < 0) throw new Rejected(name);
  }
  if (!names.includes("body")) throw new Rejected("body");
  if (claims.status !== expected.httpStatus) throw new Rejected("status");
  return claims as unknown as AnswerClaims;
}

/** Checks that an answer is of now. */
export function checkTimes(claims: Pick<AnswerClaims, "iat" | "exp">, now: number): void {
  if (claims.iat > now + LEEWAY) throw new Rejected("iat");
  const lifetime = claims.exp - claims.iat;
  if (claims.exp + LEEWAY <= now || lifetime < 1 || lifetime > MAX_LIFETIME) throw new Rejected("exp");
}

/** Checks the form of a token and its signature, and returns its claims. */
export async function verify(token: string, typ: string, keys: PublicKey[]): Promise<Record<string, unknown>> {
  const parts = token.split(".");
  const [header, claims] = parts.slice(0, 2).map(object);
  const signature = fromBase64url(parts[2] ?? "");
  if (parts.length !== 3 || header === undefined || claims === undefined || signature === undefined) {
    throw new Rejected("malformed");
  }
  if (Object.keys(header).some((name) => !["alg", "kid", "typ"].includes(name))) throw new Rejected("malformed");
  if (header.typ !== typ) throw new Rejected("typ");
  const key = keys.find((one) => one.kid === header.kid);
  if (key === undefined) throw new Rejected("kid");
  // The algorithm is that of the key. A header never chooses it (RFC 8725 section 3.1).
  if (header.alg !== key.alg || key.alg !== "EdDSA") throw new Rejected("alg");
  const raw = fromBase64url(key.x);
  if (raw === undefined) throw new Rejected("kid");
  const { subtle } = await webCrypto();
  const publicKey = await subtle.importKey("raw", raw, { name: "Ed25519" }, false, ["verify"]);
  const signed = utf8(`${parts[0]}.${parts[1]}`);
  if (!(await subtle.verify({ name: "Ed25519" }, publicKey, signature, signed))) throw new Rejected("signature");
  return claims;
}

function object(part: string): Record<string, unknown> | undefined {
  const bytes = fromBase64url(part);
  if (bytes === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(fromUtf8(bytes));
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
