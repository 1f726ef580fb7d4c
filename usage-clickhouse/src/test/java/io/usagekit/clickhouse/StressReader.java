package io.usagekit.clickhouse;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.spi.CellReadListener;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Locale;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * Compares each figure with days from ClickHouse with the combined query in one snapshot, and each of history with the raw rows of the cycle that
 * published its state. Errors while servers are away are counted. Thread-safe.
 */
final class StressReader {

    private static final Instant FIRST = StressClock.BEGIN.minus(Duration.ofDays(5));
    private static final Duration TIMEOUT = Duration.ofSeconds(20);
    private static final Duration MAX_LAG = Duration.ofDays(30);
    private static final int READS_OF_A_SNAPSHOT = 3;

    private final StressTables tables;
    private final StressClock clock;
    private final ClickHouseUsage clickHouse;
    private final Path states;
    private final BooleanSupplier stopped;

    private final AtomicLong reads = new AtomicLong();
    private final AtomicLong readsOfCells = new AtomicLong();
    private final AtomicLong refused = new AtomicLong();
    private final AtomicLong errors = new AtomicLong();
    private final AtomicLong historyReads = new AtomicLong();
    private final AtomicLong historyErrors = new AtomicLong();
    private final Queue<String> wrong = new ConcurrentLinkedQueue<>();

    /** The states of history are in files of a directory, see {@link RawHours}. */
    StressReader(
            StressTables tables, StressClock clock, ClickHouseUsage clickHouse, Path states, BooleanSupplier stopped) {
        this.tables = tables;
        this.clock = clock;
        this.clickHouse = clickHouse;
        this.states = states;
        this.stopped = stopped;
    }

    /**
     * What has been read.
     *
     * @param compared figures that were compared
     * @param ofCells those of them with days from ClickHouse
     * @param refused those of them that roll-ups computed, since cells weren't those of the manifest
     * @param errors calls that ended with a {@link UsageCalculationException}
     */
    record Counts(
            long compared,
            long ofCells,
            long refused,
            long errors,
            long ofHistory,
            long errorsOfHistory,
            List<String> wrong) {

        @Override
        public String toString() {
            return String.format(
                    Locale.ROOT,
                    "%,d figures compared, %,d of them with days from ClickHouse, %,d by roll-ups after a mismatch, %,d errors;"
                            + " %,d figures of history compared, %,d errors; %,d wrong",
                    compared,
                    ofCells,
                    refused,
                    errors,
                    ofHistory,
                    errorsOfHistory,
                    wrong.size());
        }
    }

    Counts counts() {
        return new Counts(
                reads.get(),
                readsOfCells.get(),
                refused.get(),
                errors.get(),
                historyReads.get(),
                historyErrors.get(),
                List.copyOf(wrong));
    }

    /** The calculators of one thread, in snapshots that another session holds. */
    private final class Comparison implements AutoCloseable, CellReadListener {

        private final SnapshotConnections snapshots = new SnapshotConnections(tables.dataSource());
        private final UsageCalculator raw =
                PostgresUsage.calculator(snapshots.dataSource(), TableMapping.usagekit(StressTables.KEPT));
        private final UsageCalculator composite = clickHouse.calculator(
                StressTables.rollups(snapshots.dataSource(), clock).feed(), this);
        private boolean isOfCells;

        void compare(Connection holder, Random random, int times) throws SQLException {
            snapshots.exportedBy(holder);
            for (int i = 0; i < times && !stopped.getAsBoolean(); i++) {
                UsageKey key = new UsageKey("org-" + random.nextInt(StressTables.ORGANISATIONS), window(random));
                isOfCells = false;
                try {
                    OrganisationUsage found = composite.calculate(key, TIMEOUT);
                    compareWith(raw.calculate(key, TIMEOUT), found);
                } catch (UsageCalculationException e) {
                    errors.incrementAndGet();
                }
            }
        }

        private void compareWith(OrganisationUsage expected, OrganisationUsage found) {
            if (!totals(found).equals(totals(expected))) {
                wrong.add(found + " instead of " + expected + (isOfCells ? " with cells" : ""));
            }
            reads.incrementAndGet();
            if (isOfCells) {
                readsOfCells.incrementAndGet();
            }
        }

        @Override
        public void fromCells(UsageKey key, long days) {
            isOfCells = days > 0;
        }

        @Override
        public void refused(UsageKey key, List<ProjectDays> days, boolean reshipped) {
            refused.incrementAndGet();
        }

        @Override
        public void close() throws SQLException {
            snapshots.close();
        }
    }

    private static List<Object> totals(OrganisationUsage usage) {
        UsageMetrics received = usage.received();
        return List.of(received, usage.sent(), usage.unmeasured());
    }

    void read(Random random) throws SQLException {
        try (Comparison comparison = new Comparison()) {
            while (!stopped.getAsBoolean()) {
                try (Connection holder = tables.dataSource().getConnection()) {
                    holder.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
                    holder.setAutoCommit(false);
                    comparison.compare(holder, random, READS_OF_A_SNAPSHOT);
                    holder.rollback();
                } catch (SQLException e) {
                    StressWriter.check(e);
                    LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
                }
            }
        }
    }

    /** A window that is over, with edges on days, on hours and anywhere. */
    private UsagePeriod window(Random random) {
        while (true) {
            Instant one = edge(random);
            Instant other = edge(random);
            if (one.isBefore(other) && !other.isAfter(clock.instant())) {
                return UsagePeriod.between(one, other);
            }
        }
    }

    private Instant edge(Random random) {
        Instant any = FIRST.plusMillis(
                random.nextLong(Duration.between(FIRST, clock.instant()).toMillis()));
        return switch (random.nextInt(4)) {
            case 0, 1 -> any.truncatedTo(ChronoUnit.DAYS);
            case 2 -> any.truncatedTo(ChronoUnit.HOURS);
            default -> any;
        };
    }

    void readHistory(Random random) {
        while (!stopped.getAsBoolean()) {
            compareHistory(random);
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(100));
        }
    }

    private void compareHistory(Random random) {
        UsagePeriod any = window(random);
        Instant start = any.start().truncatedTo(ChronoUnit.HOURS);
        Instant end = any.end().truncatedTo(ChronoUnit.HOURS).minus(Duration.ofHours(12));
        if (!start.isBefore(end)) {
            return;
        }
        UsageKey key =
                new UsageKey("org-" + random.nextInt(StressTables.ORGANISATIONS), UsagePeriod.between(start, end));
        OrganisationUsage found;
        try {
            found = clickHouse.history(MAX_LAG).calculate(key, TIMEOUT);
        } catch (UsageCalculationException e) {
            historyErrors.incrementAndGet();
            return;
        }
        OrganisationUsage expected = RawHours.of(states, found.createdAt())
                .orElseThrow(() -> new IllegalStateException("nobody has published the state of " + found.createdAt()))
                .figure(key, found.createdAt());
        if (!found.equals(expected)) {
            wrong.add("history: " + found + " instead of " + expected);
        }
        historyReads.incrementAndGet();
    }

    /** Without writers: compares history with the combined query, unless its state is older. */
    boolean comparesStateAfter(Instant instant) {
        UsageCalculator raw = PostgresUsage.calculator(tables.dataSource(), TableMapping.usagekit(StressTables.KEPT));
        UsagePeriod whole = UsagePeriod.between(FIRST, instant.truncatedTo(ChronoUnit.DAYS));
        for (int organisation = 0; organisation < StressTables.ORGANISATIONS; organisation++) {
            UsageKey key = new UsageKey("org-" + organisation, whole);
            try {
                OrganisationUsage found = clickHouse.history(MAX_LAG).calculate(key, TIMEOUT);
                if (!found.createdAt().isAfter(instant)) {
                    return false;
                }
                if (!totals(found).equals(totals(raw.calculate(key, TIMEOUT)))) {
                    wrong.add("history without writers: " + found);
                }
                historyReads.incrementAndGet();
            } catch (UsageCalculationException e) {
                historyErrors.incrementAndGet();
                return false;
            }
        }
        return true;
    }
}
