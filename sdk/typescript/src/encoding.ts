const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Bytes of one buffer, as WebCrypto takes them. */
export type Bytes = Uint8Array<ArrayBuffer>;

export function utf8(text: string): Bytes {
  return encoder.encode(text) as Bytes;
}

/** The text, or an exception if the bytes are not UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** base64url without padding (RFC 7515 section 2). */
export function base64url(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const [a, b, c] = [bytes[at]!, bytes[at + 1], bytes[at + 2]];
    const bits = (a << 16) | ((b ?? 0) << 8) | (c ?? 0);
    text += ALPHABET[bits >> 18]! + ALPHABET[(bits >> 12) & 63]!;
    if (b !== undefined) text += ALPHABET[(bits >> 6) & 63]!;
    if (c !== undefined) text += ALPHABET[bits & 63]!;
  }
  return text;
}

/** The bytes, or `undefined` unless this is the one spelling that {@link base64url} gives them. */
export function fromBase64url(text: string): Bytes | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return undefined;
  const bytes = fromBase64(text.replaceAll("-", "+").replaceAll("_", "/"));
  return bytes !== undefined && base64url(bytes) === text ? bytes : undefined;
}

/** The bytes of base64 with or without padding (RFC 4648 section 4). */
export function fromBase64(text: string): Bytes | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** WebCrypto, which Node 18 does not have as a global yet. */
export async function webCrypto(): Promise<Crypto> {
  return globalThis.crypto ?? ((await import("node:crypto")).webcrypto as unknown as Crypto);
}

export async function sha256(bytes: Bytes): Promise<Bytes> {
  const { subtle } = await webCrypto();
  return new Uint8Array(await subtle.digest("SHA-256", bytes));
}

/** Unpadded base64url of 16 random bytes. */
export async function randomId(): Promise<string> {
  return base64url((await webCrypto()).getRandomValues(new Uint8Array(16)));
}
