import { base64url, fromBase64, fromUtf8, sha256, utf8, webCrypto, type Bytes } from "./encoding.js";
import { WebhookRejectedError } from "./errors.js";
import type { Event } from "./generated.js";
import { Rejected, verify, type PublicKey } from "./jws.js";

/** Seconds by which a webhook may be old, or ahead. */
const TOLERANCE = 300;

/** Headers by name, as `fetch`, Node and the frameworks have them. */
export type WebhookHeaders = Headers | Record<string, string | string[] | undefined>;

/**
 * Verifies a webhook by the shared secret (Standard Webhooks), and returns its event.
 *
 * @param body The body as it arrived: before any JSON parser, because the signature covers its bytes.
 * @param secret The `secret` of the file that `umoja webhook add --out` wrote, or several while one replaces another.
 * @param now Unix seconds, in place of this machine's clock.
 * @throws WebhookRejectedError
 */
export async function verifyWebhook(
  body: string | Uint8Array,
  headers: WebhookHeaders,
  secret: string | string[],
  now: number = Date.now() / 1000,
): Promise<Event> {
  const [id, at, signatures] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) => header(headers, name));
  if (id === undefined || at === undefined || signatures === undefined) throw new WebhookRejectedError("headers");
  if (!/^\d{1,12}$/.test(at) || Math.abs(now - Number(at)) > TOLERANCE) throw new WebhookRejectedError("timestamp");
  const { subtle } = await webCrypto();
  const content = bytes(body);
  const prefix = utf8(`${id}.${at}.`);
  const signed = new Uint8Array(prefix.length + content.length);
  signed.set(prefix);
  signed.set(content, prefix.length);
  for (const one of [secret].flat()) {
    const raw = fromBase64(one.replace(/^whsec_/, ""));
    if (raw === undefined || raw.length === 0) throw new TypeError("a secret is whsec_ and base64");
    const key = await subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
    for (const signature of signatures.split(" ")) {
      const mac = signature.startsWith("v1,") ? fromBase64(signature.slice(3)) : undefined;
      if (mac !== undefined && (await subtle.verify("HMAC", key, mac, signed))) return event(content);
    }
  }
  throw new WebhookRejectedError("signature");
}

/** What a webhook that a region has signed is held against. */
export interface RegionWebhook {
  /** The keys of `/.well-known/jwks.json`. */
  keys: PublicKey[];
  /** The id of the company. */
  company: string;
  /** The base URLs of the regions. */
  regions: string[];
  /** Unix seconds, in place of this machine's clock. */
  now?: number;
}

/** Verifies a webhook by the region's signature (the header `umoja-signature`), and returns its event. */
export async function verifyRegionWebhook(
  body: string | Uint8Array,
  headers: WebhookHeaders,
  { keys, company, regions, now = Date.now() / 1000 }: RegionWebhook,
): Promise<Event> {
  const [id, token] = [header(headers, "webhook-id"), header(headers, "umoja-signature")];
  if (id === undefined || token === undefined) throw new WebhookRejectedError("headers");
  const content = bytes(body);
  let claims;
  try {
    claims = await verify(token, "umoja-evt+jwt", keys);
  } catch (error) {
    throw error instanceof Rejected ? new WebhookRejectedError(error.reason) : error;
  }
  if (!regions.includes(claims.iss as string)) throw new WebhookRejectedError("iss");
  if (claims.aud !== company) throw new WebhookRejectedError("aud");
  if (claims.jti !== id) throw new WebhookRejectedError("jti");
  if (claims.sha256 !== base64url(await sha256(content))) throw new WebhookRejectedError("sha256");
  if (typeof claims.iat !== "number" || Math.abs(now - claims.iat) > TOLERANCE) throw new WebhookRejectedError("iat");
  return event(content);
}

function header(headers: WebhookHeaders, name: string): string | undefined {
  if (typeof (headers as Headers).get === "function") return (headers as Headers).get(name) ?? undefined;
  const record = headers as Record<string, string | string[] | undefined>;
  const value = record[name] ?? Object.entries(record).find(([key]) => key.toLowerCase() === name)?.[1];
  return Array.isArray(value) ? value.join(" ") : value;
}

function bytes(body: string | Uint8Array): Bytes {
  return typeof body === "string" ? utf8(body) : new Uint8Array(body);
}

function event(content: Uint8Array): Event {
  try {
    return JSON.parse(fromUtf8(content)) as Event;
  } catch {
    throw new WebhookRejectedError("malformed");
  }
}
