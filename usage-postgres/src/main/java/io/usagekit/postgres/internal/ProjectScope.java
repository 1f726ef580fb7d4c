package io.usagekit.postgres.internal;

/** Which projects of an organisation count towards its figure. */
public enum ProjectScope {
    /** Those that aren't soft-deleted. */
    ALIVE,
    /** All of them, soft-deleted ones included. */
    ALL
}
