package io.usagekit.postgres.rollups;

/**
 * Receives the progress of {@link PostgresRollups#verify} and {@link PostgresRollups#repair}, on the thread that verifies. Every
 * method does nothing unless overridden. An exception that one throws ends the verification and is thrown by {@code verify}.
 *
 * @since 0.1
 */
public interface VerificationProgress {

    /** Verification of this many projects starts. */
    default void started(long projects) {}

    /** An hour differs; a project's hours come in their order. */
    default void drifted(RollupDrift drift) {}

    /** A project is verified. */
    default void verified(String projectId) {}
}
