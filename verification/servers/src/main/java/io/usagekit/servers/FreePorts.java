package io.usagekit.servers;

import java.io.IOException;
import java.io.UncheckedIOException;

/** Starts servers on ports that were free a moment before. */
final class FreePorts {

    private static final int ATTEMPTS = 10;

    private FreePorts() {}

    /**
     * Starts servers.
     *
     * @param <T> the servers
     */
    interface Starter<T> {
        T start() throws IOException;
    }

    /**
     * Starts servers, again on other ports if one was taken meanwhile: the system gives them to connections as well.
     *
     * @param starter chooses ports each time
     */
    static <T> T start(Starter<T> starter) throws IOException {
        for (int attempt = 1; ; attempt++) {
            try {
                return starter.start();
            } catch (UncheckedIOException e) {
                if (attempt == ATTEMPTS || !isTaken(e)) {
                    throw e;
                }
            }
        }
    }

    private static boolean isTaken(Throwable e) {
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause.getMessage() != null && cause.getMessage().contains("Address already in use")) {
                return true;
            }
        }
        return false;
    }
}
