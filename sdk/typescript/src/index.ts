/** Client of Umoja: signed requests, verified answers, webhooks and events. */
export { Umoja, type EventsOptions, type UmojaOptions } from "./client.js";
export { AnswerRefusedError, ApiError, NoAnswerError, UmojaError, WebhookRefusedError } from "./errors.js";
export * from "./generated.js";
export type { Algorithm, Company, PublicKey, Sign } from "./jws.js";
export { verifyRegionWebhook, verifyWebhook, type RegionWebhook, type WebhookHeaders } from "./webhooks.js";
