"""Client of Umoja: signed requests, verified answers, webhooks and events."""

from umoja import _generated as types
from umoja._client import AsyncUmoja, Umoja
from umoja._errors import AnswerRejectedError, ApiError, NoAnswerError, UmojaError, WebhookRejectedError
from umoja._generated import ErrorCode, Event, Events, User
from umoja._messages import Answer, Company
from umoja._webhooks import verify_region_webhook, verify_webhook

__all__ = [
    "Answer",
    "AnswerRejectedError",
    "ApiError",
    "AsyncUmoja",
    "Company",
    "ErrorCode",
    "Event",
    "Events",
    "NoAnswerError",
    "Umoja",
    "UmojaError",
    "User",
    "WebhookRejectedError",
    "types",
    "verify_region_webhook",
    "verify_webhook",
]
