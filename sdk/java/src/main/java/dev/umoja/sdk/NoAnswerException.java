package dev.umoja.sdk;

/** No region has answered. Whether the request was executed is not known: repeat it with the same {@code idk}. */
public final class NoAnswerException extends UmojaException {
    private static final long serialVersionUID = 1;

    private final String region;

    NoAnswerException(String region, String message, Throwable cause) {
        super("no answer of " + region + ": " + message, cause);
        this.region = region;
    }

    /**
     * The region that was asked last.
     *
     * @return its name
     */
    public String region() {
        return region;
    }
}
