package io.usagekit.verification.soak;

/**
 * Something that goes wrong.
 *
 * @param name for the report
 * @param begin lets it go wrong
 */
record Fault(String name, Begin begin) {

    /** Lets something go wrong; running what it gives back mends it. */
    interface Begin {
        Runnable run();
    }
}
