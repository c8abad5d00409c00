/** Client of Umoja: signed requests, verified answers, webhooks and events. */
export { Umoja, type EventsOptions, type UmojaOptions } from "./client.js";
export { AnswerRejectedError, ApiError, NoAnswerError, UmojaError, WebhookRejectedError } from "./errors.js";
export * from "./generated.js";
export type { Algorithm, Company, PublicKey, Sign } from "./jws.js";
export { verifyRegionWebhook, verifyWebhook, type RegionWebhook, type WebhookHeaders } from "./webhooks.js";
