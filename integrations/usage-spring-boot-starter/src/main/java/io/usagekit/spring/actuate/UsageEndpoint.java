package io.usagekit.spring.actuate;

import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupDrift;
import io.usagekit.postgres.rollups.VerificationProgress;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.actuate.endpoint.InvalidEndpointRequestException;
import org.springframework.boot.actuate.endpoint.annotation.DeleteOperation;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;
import org.springframework.boot.actuate.endpoint.annotation.Selector;
import org.springframework.boot.actuate.endpoint.annotation.WriteOperation;

/**
 * Actuator endpoint {@code usagekit}: {@code GET} returns the state, {@code DELETE /{organisation}} and {@code
 * DELETE /{organisation}/{period}} invalidate figures, {@code POST} starts a verification of the roll-ups, whose result the state has.
 *
 * @since 0.1
 */
@Endpoint(id = "usagekit")
public final class UsageEndpoint {

    private static final int MOST_DRIFTS = 20;

    private final UsageService service;
    private final Optional<PostgresRollups> rollups;
    private final UsageHealth health;
    private final List<VerificationProgress> listeners;
    private final InstantSource clock;
    private @Nullable Verification verification;

    UsageEndpoint(
            UsageService service,
            Optional<PostgresRollups> rollups,
            UsageHealth health,
            List<VerificationProgress> listeners,
            InstantSource clock) {
        this.service = service;
        this.listeners = List.copyOf(listeners);
        this.rollups = rollups;
        this.health = health;
        this.clock = clock;
    }

    /** Returns the state of the service, and of the last verification. */
    @ReadOperation
    public Map<String, Object> status() {
        Map<String, Object> state = new LinkedHashMap<>(health.report().details());
        Verification last = last();
        if (last != null) {
            state.put("verification", last.form());
        }
        return state;
    }

    /**
     * Invalidates all figures of an organisation.
     *
     * @param organisation its id
     * @return what was invalidated
     */
    @DeleteOperation
    public Map<String, Object> invalidateAll(@Selector String organisation) {
        service.invalidate(organisation);
        return Map.of("invalidated", organisation);
    }

    /**
     * Invalidates the figure of an organisation in a period of UTC.
     *
     * @param organisation its id
     * @param period such as {@code 2026-03}
     * @return what was invalidated
     */
    @DeleteOperation
    public Map<String, Object> invalidate(@Selector String organisation, @Selector String period) {
        UsagePeriod parsed;
        try {
            parsed = UsagePeriod.parse(period);
        } catch (IllegalArgumentException e) {
            throw new InvalidEndpointRequestException(
                    String.valueOf(e.getMessage()), String.valueOf(e.getMessage()), e);
        }
        service.invalidate(organisation, parsed);
        return Map.of("invalidated", organisation, "period", parsed.label());
    }

    /**
     * Starts a verification of the roll-ups, which reads every row once, unless one is running.
     *
     * @return its state
     */
    @WriteOperation
    public Map<String, Object> verify() {
        if (rollups.isEmpty()) {
            String why = "there are no roll-ups to verify: usagekit.calculator is raw";
            throw new InvalidEndpointRequestException(why, why);
        }
        return start(rollups.get()).form();
    }

    private synchronized @Nullable Verification last() {
        return verification;
    }

    private synchronized Verification start(PostgresRollups source) {
        Verification running = verification;
        if (running != null && running.isRunning()) {
            return running;
        }
        Verification started = new Verification(clock, listeners);
        verification = started;
        Thread thread = new Thread(() -> started.run(source), "usage-verification");
        thread.setDaemon(true);
        thread.start();
        return started;
    }

    /** A verification that runs or has run. */
    private static final class Verification implements VerificationProgress {
        private final InstantSource clock;
        private final List<VerificationProgress> listeners;
        private final Instant startedAt;
        private final List<String> drifts = new ArrayList<>();
        private long projects;
        private long verified;
        private long differing;
        private @Nullable Instant endedAt;
        private @Nullable String failure;

        Verification(InstantSource clock, List<VerificationProgress> listeners) {
            this.clock = clock;
            this.listeners = listeners;
            this.startedAt = clock.instant();
        }

        void run(PostgresRollups source) {
            String error = null;
            try {
                source.verify(this);
            } catch (RuntimeException e) {
                error = String.valueOf(e.getMessage());
            } finally {
                end(error);
            }
        }

        private synchronized void end(@Nullable String error) {
            failure = error;
            endedAt = clock.instant();
        }

        synchronized boolean isRunning() {
            return endedAt == null;
        }

        @Override
        public synchronized void started(long count) {
            projects = count;
            listeners.forEach(listener -> listener.started(count));
        }

        @Override
        public synchronized void drifted(RollupDrift drift) {
            differing++;
            listeners.forEach(listener -> listener.drifted(drift));
            if (drifts.size() < MOST_DRIFTS) {
                drifts.add(drift.projectId() + " " + drift.hour());
            }
        }

        @Override
        public synchronized void verified(String projectId) {
            verified++;
            listeners.forEach(listener -> listener.verified(projectId));
        }

        synchronized Map<String, Object> form() {
            Map<String, Object> form = new LinkedHashMap<>();
            form.put("state", endedAt == null ? "running" : failure == null ? "completed" : "failed");
            form.put("startedAt", startedAt.toString());
            if (endedAt != null) {
                form.put("endedAt", endedAt.toString());
            }
            form.put("projects", projects);
            form.put("verifiedProjects", verified);
            form.put("differingHours", differing);
            form.put("firstDifferingHours", List.copyOf(drifts));
            if (failure != null) {
                form.put("failure", failure);
            }
            return form;
        }
    }
}
