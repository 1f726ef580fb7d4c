package io.usagekit.micrometer;

import io.usagekit.UsageException;

/** The value of tag {@code error}: whether the same call may succeed later by itself. */
enum Failure {
    /** An outage, a timeout, an overload. */
    TRANSIENT,
    /** Wrong settings, a missing table or privilege: somebody has to correct it. */
    PERMANENT;

    static final String TAG = "error";

    static Failure of(Throwable error) {
        return error instanceof UsageException known && !known.isTransient() ? PERMANENT : TRANSIENT;
    }
}
