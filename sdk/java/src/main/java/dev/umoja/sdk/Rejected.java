package dev.umoja.sdk;

/** What a token cannot be accepted for. The client makes an exception of its own of it. */
final class Rejected extends Exception {
    private static final long serialVersionUID = 1;

    Rejected(String reason) {
        super(reason);
    }
}
