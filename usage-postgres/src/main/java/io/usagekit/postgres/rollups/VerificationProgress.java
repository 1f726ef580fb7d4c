package io.usagekit.postgres.rollups;

/**
 * Told how a verification goes, on the thread that verifies. Every method does nothing unless overridden; what one throws ends
 * the verification.
 *
 * @since 0.1
 */
public interface VerificationProgress {

    /** So many projects will be verified, one after the other. */
    default void began(long projects) {}

    /** An hour differs; in the order of a project's hours. */
    default void drifted(RollupDrift drift) {}

    /** One project is done. */
    default void verified(String projectId) {}
}
