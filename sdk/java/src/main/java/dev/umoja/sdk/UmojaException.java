package dev.umoja.sdk;

/** Every exception that this package throws, except those of wrong arguments. */
public class UmojaException extends RuntimeException {
    private static final long serialVersionUID = 1;

    UmojaException(String message, Throwable cause) {
        super(message, cause);
    }
}
