package io.usagekit.spring;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.boot.logging.LogLevel;
import org.springframework.boot.logging.LoggingSystem;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.scheduling.concurrent.ThreadPoolTaskScheduler;

/** How a job's runs end, what is logged of them, and that closing ends one. */
@ExtendWith(OutputCaptureExtension.class)
class MaintenanceJobTest {

    private static final Duration LONG = Duration.ofMinutes(2);

    private final LoggingSystem logging = LoggingSystem.get(getClass().getClassLoader());
    private Supplier<MaintenanceJob.Result> work = () -> new MaintenanceJob.Result(true, "created 2");

    @BeforeEach
    void log() {
        logging.setLogLevel(MaintenanceJob.class.getName(), LogLevel.INFO);
    }

    @AfterEach
    void logNothing() {
        logging.setLogLevel(MaintenanceJob.class.getName(), null);
    }

    /** A lock that no other process holds. */
    private static boolean free(Runnable job) {
        job.run();
        return true;
    }

    private MaintenanceJob job(Predicate<Runnable> lock) {
        return new MaintenanceJob("partitions", context -> null, lock, stopped -> work.get());
    }

    /** Without a stack trace in the output. */
    private static final class Failure extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Failure(String message) {
            super(message, null, false, false);
        }
    }

    private static MaintenanceJob.LastRun last(MaintenanceJob job) {
        return job.lastRun().orElseThrow();
    }

    @Test
    void aRunThatLeavesNothingIsDoneAndLogsNothing(CapturedOutput output) {
        MaintenanceJob job = job(MaintenanceJobTest::free);
        assertThat(job.lastRun()).isEmpty();

        job.run();

        assertThat(last(job).outcome()).isEqualTo(MaintenanceJob.Outcome.DONE);
        assertThat(last(job).details()).isEqualTo("created 2");
        assertThat(output).doesNotContain("partitions");
    }

    @Test
    void nothingRunsWhileAnotherProcessDoes() {
        work = () -> {
            throw new AssertionError("runs");
        };
        MaintenanceJob job = job(ignored -> false);

        job.run();

        assertThat(last(job).outcome()).isEqualTo(MaintenanceJob.Outcome.STANDBY);
    }

    @Test
    void aFailureIsLoggedOnceUntilARunSucceeds(CapturedOutput output) {
        MaintenanceJob job = job(MaintenanceJobTest::free);
        Supplier<MaintenanceJob.Result> succeeding = work;
        work = () -> {
            throw new Failure("the table is locked");
        };

        job.run();
        job.run();

        assertThat(last(job).outcome()).isEqualTo(MaintenanceJob.Outcome.FAILED);
        assertThat(last(job).details()).isEqualTo("the table is locked");
        assertThat(output.getAll().lines().filter(line -> line.startsWith("WARN")))
                .singleElement()
                .asString()
                .contains("partitions failed", "the table is locked");

        work = succeeding;
        job.run();
        job.run();
        assertThat(output.getAll().lines().filter(line -> line.startsWith("INFO")))
                .singleElement()
                .asString()
                .contains("partitions succeeded again: created 2");

        work = () -> {
            throw new Failure("again");
        };
        job.run();
        assertThat(output.getAll().lines().filter(line -> line.startsWith("WARN")))
                .hasSize(2);
    }

    @Test
    void aFailureOfAnotherCauseIsLoggedToo(CapturedOutput output) {
        MaintenanceJob job = job(MaintenanceJobTest::free);
        for (String cause : List.of("the table is locked", "the disk is full", "the disk is full")) {
            work = () -> {
                throw new Failure(cause);
            };
            job.run();
        }

        assertThat(output.getAll().lines().filter(line -> line.startsWith("WARN")))
                .satisfiesExactly(
                        first -> assertThat(first).contains("the table is locked"),
                        second -> assertThat(second).contains("the disk is full"));
    }

    @Test
    void whatARunLeavesIsLoggedOnce(CapturedOutput output) {
        MaintenanceJob job = job(MaintenanceJobTest::free);
        work = () -> new MaintenanceJob.Result(false, "created 0, refused: events");

        job.run();
        job.run();

        assertThat(last(job).outcome()).isEqualTo(MaintenanceJob.Outcome.INCOMPLETE);
        assertThat(output.getAll().lines().filter(line -> line.startsWith("WARN")))
                .singleElement()
                .asString()
                .contains("partitions left something: created 0, refused: events");
    }

    @Test
    void anErrorOfTheJvmDoesntEndTheSchedule() {
        work = () -> {
            throw new NoClassDefFoundError("Missing");
        };
        MaintenanceJob job = job(MaintenanceJobTest::free);
        logging.setLogLevel(MaintenanceJob.class.getName(), LogLevel.OFF);

        job.run();

        assertThat(last(job).outcome()).isEqualTo(MaintenanceJob.Outcome.FAILED);
        assertThat(last(job).details()).contains("NoClassDefFoundError");
    }

    @Test
    void closingInterruptsARunAndWaitsForItsEnd(CapturedOutput output) throws Exception {
        CountDownLatch started = new CountDownLatch(1);
        CompletableFuture<Boolean> interrupted = new CompletableFuture<>();
        work = () -> {
            started.countDown();
            try {
                new CountDownLatch(1).await();
            } catch (InterruptedException e) {
                interrupted.complete(true);
                throw new IllegalStateException("interrupted", e);
            }
            throw new AssertionError("nobody counts down");
        };
        ThreadPoolTaskScheduler scheduler = new ThreadPoolTaskScheduler();
        scheduler.initialize();
        MaintenanceJob job = new MaintenanceJob(
                "partitions",
                context -> context.lastScheduledExecution() == null ? Instant.now() : null,
                MaintenanceJobTest::free,
                stopped -> work.get());
        try {
            job.start(scheduler);
            assertThat(started.await(LONG.toSeconds(), TimeUnit.SECONDS)).isTrue();

            job.close();

            assertThat(interrupted.get(LONG.toSeconds(), TimeUnit.SECONDS)).isTrue();
            assertThat(job.lastRun()).as("not a failure").isEmpty();
            assertThat(output).doesNotContain("WARN");
            job.run();
            assertThat(job.lastRun()).as("closed").isEmpty();
        } finally {
            scheduler.shutdown();
        }
    }
}
