package dev.umoja.sdk;

/** An answer that is not the region's answer to this request, so that nothing in it can be believed. */
public final class AnswerRejectedException extends UmojaException {
    private static final long serialVersionUID = 1;

    private final String reason;

    AnswerRejectedException(String reason, String region) {
        super("the answer of " + region + " is not accepted: " + reason, null);
        this.reason = reason;
    }

    /**
     * A claim or header member, signature, malformed, or status.
     *
     * @return its name
     */
    public String reason() {
        return reason;
    }
}
