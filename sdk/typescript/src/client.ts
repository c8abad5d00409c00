import { randomId } from "./encoding.js";
import { AnswerRejectedError, ApiError, NoAnswerError, UmojaError, type ProblemMembers } from "./errors.js";
import { Operations, type Answer, type CallOptions, type Event, type Events, type ListEvents, type Provisioning } from "./generated.js";
import { checkAnswer, checkTimes, Rejected, requestHash, signer, signRequest, type Company, type PublicKey, type Sign } from "./jws.js";
import { verifyRegionWebhook, type WebhookHeaders } from "./webhooks.js";

const VERSION = "0.1.0";
/** Milliseconds for which a region that did not answer is asked last. */
const OUT = 30_000;
/** Seconds of difference from which on the clock of the regions counts in place of this machine's. */
const SKEW = 2;
/** The longest wait that a region can ask for within a call, in seconds. */
const MAX_WAIT = 20;

export interface UmojaOptions {
  /** The content of the company file. */
  company: Company;
  /**
   * Base URLs of regions, the nearest first. One is enough while it answers: the first that does names the others. Give two,
   * so that a client can also start while a region is out.
   */
  regions: string | string[];
  /** How often the regions are asked again after none of them could answer; 2 if absent. */
  retries?: number;
  /** Milliseconds to wait for one answer, beside what `wait_ms` and `wait_secs` ask for; 10,000 if absent. */
  timeout?: number;
  /** In place of the global `fetch`: for proxies, and for your own tests. */
  fetch?: typeof fetch;
  /** Milliseconds since 1970 by this machine's clock, in place of `Date.now`. */
  now?: () => number;
}

/** Options of {@link Umoja.events}. */
export interface EventsOptions extends Pick<ListEvents, "cursor" | "after" | "limit" | "wait_secs"> {
  /** End once no event is left, in place of waiting for more. */
  once?: boolean;
  signal?: AbortSignal;
}

interface Got {
  status: number;
  headers: Headers;
  text: string;
}

/** A client of all regions of a deployment. Make one for each process, and share it. */
export class Umoja extends Operations {
  readonly #company: Company;
  readonly #given: string[];
  readonly #retries: number;
  readonly #timeout: number;
  readonly #fetch: typeof fetch;
  readonly #time: () => number;
  readonly #keys = new Map<string, PublicKey[]>();
  readonly #outUntil = new Map<string, number>();
  #sign: Promise<Sign> | undefined;
  #known: string[] | undefined;
  #offset = 0;

  constructor(options: UmojaOptions) {
    super();
    this.#company = options.company;
    this.#given = [options.regions].flat().map((url) => url.replace(/\/+$/, ""));
    if (this.#given.length === 0) throw new TypeError("give the base URL of a region");
    this.#retries = options.retries ?? 2;
    this.#timeout = options.timeout ?? 10_000;
    this.#fetch = options.fetch ?? ((...args) => fetch(...args));
    this.#time = options.now ?? (() => Date.now());
  }

  /** A client with the keys of a file that `umoja company add --out FILE` wrote. For Node, Deno and Bun. */
  static async fromFile(path: string, regions: string | string[], options: Partial<UmojaOptions> = {}): Promise<Umoja> {
    const { readFile } = await import("node:fs/promises");
    return new Umoja({ company: JSON.parse(await readFile(path, "utf8")) as Company, regions, ...options });
  }

  /** Seconds by which the regions' clock is ahead of this machine's, as far as it is known. */
  get clockOffset(): number {
    return this.#offset;
  }

  /**
   * Calls the operation at a path, and returns its verified answer.
   *
   * What fails for a moment is repeated with the same `idk` and a new token, in the next region first.
   *
   * @throws ApiError if the answer is a problem.
   * @throws NoAnswerError if no region answered, and AnswerRejectedError if what answered is not the region.
   */
  async call(path: string, body: object, options: CallOptions = {}): Promise<Answer> {
    const idk = options.idk ?? (await randomId());
    let last: unknown;
    for (let round = 0; round <= this.#retries; round++) {
      if (round > 0) await this.#pause(round, last, options.signal);
      for (const region of await this.#regions(options.signal)) {
        try {
          return await this.#ask(region, path, body, idk, options.signal);
        } catch (error) {
          if (options.signal?.aborted || !isTransient(error)) throw error;
          if (isOut(error)) this.#outUntil.set(region, this.#time() + OUT);
          last = error;
          // Another region has a count of its own, but not for more requests than were agreed.
          if (error instanceof ApiError && error.status === 429) break;
        }
      }
    }
    throw last;
  }

  /**
   * Pages of events, for ever. Store `cursor` of a page in the transaction of what its events did, and begin with it after a
   * restart: then no event is lost or done twice.
   *
   * @throws ApiError with the code `cursor_expired` if events after the cursor were deleted.
   */
  async *events({ once = false, signal, ...from }: EventsOptions = {}): AsyncGenerator<Events, void, undefined> {
    let position: ListEvents = { cursor: from.cursor, after: from.after };
    for (;;) {
      const wait = once ? 0 : (from.wait_secs ?? 20);
      const page = await this.listEvents({ ...position, limit: from.limit, wait_secs: wait }, { signal });
      if (page.events.length > 0) yield page;
      else if (once && !page.more) return;
      position = { cursor: page.cursor };
    }
  }

  /** Waits until no account of a ticket is pending, or `seconds` have passed, and returns how far they are. */
  async waitForProvisioning(ticket: string, seconds = 60, options?: CallOptions): Promise<Provisioning> {
    const end = this.#time() + seconds * 1000;
    for (;;) {
      const left = Math.max(0, Math.min(10_000, end - this.#time()));
      const state = await this.provisioningStatus({ ticket, wait_ms: Math.floor(left) }, options);
      if (left === 0 || !state.accounts.some((account) => account.state === "pending")) return state;
    }
  }

  /** Verifies the signature that a region gives its webhooks (the header `umoja-signature`), which needs no shared secret. */
  async verifyWebhook(body: string | Uint8Array, headers: WebhookHeaders): Promise<Event> {
    const regions = await this.#regions();
    const check = (keys: PublicKey[]) =>
      verifyRegionWebhook(body, headers, { keys, company: this.#company.id, regions, now: this.#now() });
    return this.#withKeys(regions[0]!, undefined, check);
  }

  #now(): number {
    return Math.floor(this.#time() / 1000 + this.#offset);
  }

  /** One attempt in one region; two if the clock of this machine was wrong. */
  async #ask(region: string, path: string, body: object, idk: string, signal?: AbortSignal, again = false): Promise<Answer> {
    const [now, jti] = [this.#now(), await randomId()];
    this.#sign ??= signer(this.#company);
    const token = await signRequest(this.#company, await this.#sign, { url: region, path, now, jti, idk, body });
    const agent = `umoja-typescript/${VERSION}`;
    const headers = { "content-type": "application/jwt", "user-agent": agent, "x-api-key": this.#company.api_key };
    const waits = body as { wait_ms?: number; wait_secs?: number };
    const extra = (waits.wait_ms ?? 0) + (waits.wait_secs ?? 0) * 1000;
    const got = await this.#get(region + path, { method: "POST", headers, body: token }, extra, signal);
    const retryAfter = /^\d+$/.test(got.headers.get("retry-after") ?? "") ? Number(got.headers.get("retry-after")) : undefined;
    const about = { region, requestId: got.headers.get("request-id") ?? undefined, retryAfter };
    if (!got.headers.get("content-type")?.startsWith("application/jwt")) {
      if (got.status === 401 && !again && this.#correctByDate(got.headers.get("date"), now)) {
        return this.#ask(region, path, body, idk, signal, true);
      }
      throw new ApiError(members(got.text), got.status, { ...about, isSigned: false });
    }
    const rqh = await requestHash(token);
    const expected = { url: region, company: this.#company.id, jti, rqh, httpStatus: got.status };
    let claims;
    try {
      claims = await this.#withKeys(region, signal, (keys) => checkAnswer(got.text, keys, expected));
      // The answer is to a request of this moment, so if its times are wrong, it is this clock that is.
      this.#correct(claims.iat + 0.5);
      checkTimes(claims, this.#now());
    } catch (error) {
      throw error instanceof Rejected ? new AnswerRejectedError(error.reason, region) : error;
    }
    if (claims.status >= 400) throw new ApiError((claims.body ?? {}) as ProblemMembers, claims.status, { ...about, isSigned: true });
    return { status: claims.status, body: claims.body, region, requestId: about.requestId, token: got.text };
  }

  /** Takes over the regions' time if this clock differs from it by more than a request takes. */
  #correct(theirs: number): void {
    const offset = theirs - this.#time() / 1000;
    if (Math.abs(offset - this.#offset) > SKEW) this.#offset = offset;
  }

  /**
   * Whether a request was signed for another time than the region's, which is then taken over. A rejected request is not answered
   * with a signature: `Date` is a hint that one more request tries out, of a day at most. The clock may be right by now, because of
   * another request.
   */
  #correctByDate(date: string | null, signedAt: number): boolean {
    const theirs = Date.parse(date ?? "") / 1000 + 0.5;
    if (!(Math.abs(theirs - this.#time() / 1000) < 86_400) || Math.abs(theirs - signedAt) <= SKEW) return false;
    this.#correct(theirs);
    return true;
  }

  /** The regions in the order in which they are asked. */
  async #regions(signal?: AbortSignal): Promise<string[]> {
    const isOut = (url: string) => Number((this.#outUntil.get(url) ?? 0) > this.#time());
    const inOrder = (urls: string[]) => [...urls].sort((a, b) => isOut(a) - isOut(b));
    for (const url of this.#known === undefined ? inOrder(this.#given) : []) {
      try {
        const document = JSON.parse((await this.#get(`${url}/.well-known/umoja.json`, {}, 0, signal)).text) as Deployment;
        const urls = [document.issuer, ...document.regions.map((region) => region.url)];
        const first = this.#given.filter((given) => urls.includes(given));
        const isSafe = (other: string) => other.startsWith("https:") || !url.startsWith("https:");
        this.#known = [...new Set([...first, ...urls])].filter(isSafe);
        break;
      } catch (error) {
        if (signal?.aborted) throw error;
        this.#outUntil.set(url, this.#time() + OUT);
      }
    }
    return inOrder(this.#known ?? this.#given);
  }

  /** Checks with a region's keys, which are read again if one is missing: regions change them. */
  async #withKeys<T>(region: string, signal: AbortSignal | undefined, check: (keys: PublicKey[]) => Promise<T>): Promise<T> {
    const kept = this.#keys.get(region);
    try {
      if (kept !== undefined) return await check(kept);
    } catch (error) {
      const reason = error instanceof Rejected || error instanceof UmojaError ? (error as { reason?: string }).reason : undefined;
      if (reason !== "kid") throw error;
    }
    const got = await this.#get(`${region}/.well-known/jwks.json`, {}, 0, signal);
    let keys: PublicKey[];
    try {
      keys = (JSON.parse(got.text) as { keys: PublicKey[] }).keys.filter((key) => key.alg === "EdDSA");
    } catch (error) {
      throw new NoAnswerError(region, error);
    }
    this.#keys.set(region, keys);
    return check(keys);
  }

  async #get(url: string, init: RequestInit, extra: number, signal?: AbortSignal): Promise<Got> {
    const ends = AbortSignal.timeout(this.#timeout + extra);
    const abort = new AbortController();
    const stop = () => abort.abort(signal?.reason ?? ends.reason);
    for (const one of [ends, signal]) one?.addEventListener("abort", stop);
    if (signal?.aborted) stop();
    try {
      const response = await this.#fetch(url, { ...init, redirect: "manual", signal: abort.signal });
      return { status: response.status, headers: response.headers, text: await response.text() };
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new NoAnswerError(new URL(url).origin, ends.aborted ? ends.reason : ((error as Error).cause ?? error));
    } finally {
      for (const one of [ends, signal]) one?.removeEventListener("abort", stop);
    }
  }

  /** Waits before the next round: as long as the region wants, and some more time at random. */
  async #pause(round: number, error: unknown, signal?: AbortSignal): Promise<void> {
    const wanted = error instanceof ApiError ? (error.retryAfter ?? 0) : 0;
    if (wanted > MAX_WAIT) throw error;
    const milliseconds = Math.max(wanted * 1000, 100 * 2 ** round) * (1 + Math.random() / 2);
    await new Promise<void>((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", stop);
        resolve();
      }, milliseconds);
      signal?.addEventListener("abort", stop, { once: true });
    });
  }
}

interface Deployment {
  issuer: string;
  regions: { url: string }[];
}

function members(text: string): ProblemMembers {
  try {
    return (JSON.parse(text) ?? {}) as ProblemMembers;
  } catch {
    return {};
  }
}

/** Whether the same request may succeed in another region, or in a moment. */
function isTransient(error: unknown): boolean {
  if (!(error instanceof ApiError)) return error instanceof NoAnswerError || error instanceof AnswerRejectedError;
  if (error.status >= 500) return error.code !== "no_mail";
  return error.code === "replayed" || error.code === "rate_limited" || (!error.isSigned && [408, 429].includes(error.status));
}

/** Whether the region is to be asked last for a while. */
function isOut(error: unknown): boolean {
  if (!(error instanceof ApiError)) return true;
  return error.status >= 500 && (!error.isSigned || error.code === "region_not_serving");
}
