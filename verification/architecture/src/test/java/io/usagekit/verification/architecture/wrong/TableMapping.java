package io.usagekit.verification.architecture.wrong;

/** A value that the packages below may use. */
public record TableMapping(String schema) {}
