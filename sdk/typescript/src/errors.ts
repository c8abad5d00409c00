import type { ErrorCode } from "./generated.js";

/** Every error that this package throws, except those of wrong arguments and of an aborted call. */
export class UmojaError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** What a region, or a proxy before it, has answered in place of a result: a problem (RFC 9457). */
export class ApiError extends UmojaError {
  /** For programs; it never changes its meaning. `undefined` if something other than a region answered. */
  readonly code: ErrorCode | (string & {}) | undefined;
  /** The HTTP status. */
  readonly status: number;
  /** What to do. It never contains a value that the caller sent. */
  readonly detail: string | undefined;
  /** The member of the body that is wrong, as a path: `set.profile`. */
  readonly field: string | undefined;
  /** The current version of the user, if another one was expected. */
  readonly version: string | undefined;
  /** The id under which the region has logged the request. Give it to the operator. */
  readonly requestId: string | undefined;
  /** The base URL of the region. */
  readonly region: string;
  /** After how many seconds the region wants to be asked again. */
  readonly retryAfter: number | undefined;
  /** Whether the region has signed the problem. If not, a proxy or an attacker can have made it. */
  readonly isSigned: boolean;

  constructor(problem: ProblemMembers, status: number, about: ErrorContext) {
    const id = about.requestId === undefined ? "" : ` (Request-Id ${about.requestId})`;
    const said = [problem.title, problem.detail].filter((text) => typeof text === "string").join(": ");
    super(`${status} ${text(problem.code) ?? "without a code"}${said === "" ? "" : `: ${said}`}${id}`);
    this.code = text(problem.code);
    this.status = status;
    this.detail = text(problem.detail);
    this.field = text(problem.field);
    this.version = text(problem.version);
    this.requestId = about.requestId;
    this.region = about.region;
    this.retryAfter = about.retryAfter;
    this.isSigned = about.isSigned;
  }
}

/** An answer that is not the region's answer to this request, so that nothing in it can be believed. */
export class AnswerRejectedError extends UmojaError {
  /** What is wrong with it: a claim or header member, `signature`, `malformed`, or `status`. */
  readonly reason: string;

  constructor(reason: string, region?: string) {
    super(`the answer${region === undefined ? "" : ` of ${region}`} is not accepted: ${reason}`);
    this.reason = reason;
  }
}

/** A webhook that is not genuine, or not of now. */
export class WebhookRejectedError extends UmojaError {
  /** What is wrong with it: `headers`, `timestamp`, `signature`, `malformed`, or a claim or header member of the JWS. */
  readonly reason: string;

  constructor(reason: string) {
    super(`the webhook is not accepted: ${reason}`);
    this.reason = reason;
  }
}

/** No region has answered. Whether the request was executed is not known: repeat it with the same `idk`. */
export class NoAnswerError extends UmojaError {
  /** The region that was asked last. */
  readonly region: string;

  constructor(region: string, cause: unknown) {
    super(`no answer of ${region}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.region = region;
  }
}

/** The members of a problem, none of which is certain to be there. */
export interface ProblemMembers {
  title?: unknown;
  detail?: unknown;
  code?: unknown;
  field?: unknown;
  version?: unknown;
}

interface ErrorContext {
  region: string;
  requestId: string | undefined;
  retryAfter: number | undefined;
  isSigned: boolean;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
