package io.usagekit.micrometer;

import io.micrometer.core.instrument.Counter;
import io.usagekit.postgres.rollups.RollupDrift;
import io.usagekit.postgres.rollups.VerificationProgress;

/** A meter for each event of {@link VerificationProgress}. */
final class VerificationMeters implements VerificationProgress {

    private final Counter started;
    private final Counter verified;
    private final Counter drifted;

    VerificationMeters(MeterFactory meters) {
        started = meters.counter(
                "usagekit.verification.started", "projects", "Projects of the verifications that started");
        verified = meters.counter("usagekit.verification.verified", "projects", "Projects that are verified");
        drifted = meters.counter("usagekit.verification.drifted", "hours", "Rolled hours that differed from raw rows");
    }

    @Override
    public void started(long projects) {
        started.increment((double) projects);
    }

    @Override
    public void drifted(RollupDrift drift) {
        drifted.increment();
    }

    @Override
    public void verified(String projectId) {
        verified.increment();
    }
}
