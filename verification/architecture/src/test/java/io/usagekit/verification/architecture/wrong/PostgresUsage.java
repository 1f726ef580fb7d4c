package io.usagekit.verification.architecture.wrong;

/** An entry class, which the packages below must not use. */
public final class PostgresUsage {

    private PostgresUsage() {}
}
