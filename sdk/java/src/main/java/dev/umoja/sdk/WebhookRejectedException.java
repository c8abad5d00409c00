package dev.umoja.sdk;

/** A webhook that is not genuine, or not of now. */
public final class WebhookRejectedException extends UmojaException {
    private static final long serialVersionUID = 1;

    private final String reason;

    WebhookRejectedException(String reason) {
        super("the webhook is not accepted: " + reason, null);
        this.reason = reason;
    }

    /**
     * headers, timestamp, signature, malformed, or a claim or header member of the JWS.
     *
     * @return its name
     */
    public String reason() {
        return reason;
    }
}
