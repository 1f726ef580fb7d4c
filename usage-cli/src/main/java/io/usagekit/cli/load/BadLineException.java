package io.usagekit.cli.load;

/** A line isn't an event; the message says why. */
final class BadLineException extends Exception {

    private static final long serialVersionUID = 1L;

    BadLineException(String reason) {
        super(reason);
    }
}
