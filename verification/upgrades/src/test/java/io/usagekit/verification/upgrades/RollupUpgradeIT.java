package io.usagekit.verification.upgrades;

import static io.usagekit.verification.upgrades.Schema.BUSY;
import static io.usagekit.verification.upgrades.Schema.MARCH;
import static io.usagekit.verification.upgrades.Schema.STILL;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.verification.upgrades.Release.Tables;
import java.time.Instant;
import java.time.YearMonth;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.IntConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Tables, triggers and roll-ups of one version, used by the other one. */
class RollupUpgradeIT {

    private static final Release PREVIOUS = Baseline.previous();
    private static final Release PRESENT = Baseline.present();

    private Schema schema = new Schema("");

    static Stream<Arguments> bothDirections() {
        return Stream.of(Arguments.of(PREVIOUS, PRESENT), Arguments.of(PRESENT, PREVIOUS));
    }

    @BeforeEach
    void drop() {
        schema = Schema.empty("upgrade");
    }

    private Tables tables(Release release) {
        return release.tables(Servers.dataSource(), schema.name());
    }

    private void assertAllFiguresAreRight(Tables... all) {
        for (Tables tables : all) {
            for (String organisation : List.of(STILL, BUSY)) {
                Figure oracle = schema.oracle(organisation);
                assertThat(tables.calculate(organisation, MARCH)).matches(oracle::counts, "counts as " + oracle);
                assertThat(tables.rolledUp(organisation, MARCH)).matches(oracle::counts, "counts as " + oracle);
            }
        }
    }

    /** Until it is installed over, the present version computes from raw rows; afterwards the previous one does. */
    @Test
    void rollUpsOfThePreviousVersionAreReplacedByThePresentOne() {
        Tables previous = tables(PREVIOUS);
        Tables present = tables(PRESENT);
        previous.install();
        schema.fill();
        previous.roll();
        assertAllFiguresAreRight(previous, present);
        assertThat(previous.readFromRollups()).isEqualTo(2);
        assertThat(present.readFromRollups()).isZero();

        present.install();
        assertAllFiguresAreRight(previous, present);
        present.roll();
        for (int i = 0; i < 8; i++) {
            schema.change(BUSY, i);
        }
        assertAllFiguresAreRight(previous, present);
        assertThat(previous.readFromRollups())
                .as("of the roll-ups that were replaced")
                .isEqualTo(2);
        assertThat(present.readFromRollups()).isPositive();
        present.roll();
        for (int i = 8; i < 16; i++) {
            schema.change(BUSY, i);
        }
        assertAllFiguresAreRight(previous, present);
        assertThat(present.drift()).isZero();
    }

    /** Going back one version: it refuses what the present one has installed, and computes from raw rows. */
    @Test
    void previousVersionReadsRawRowsBesideRollUpsOfThePresentOne() {
        Tables previous = tables(PREVIOUS);
        Tables present = tables(PRESENT);
        present.install();
        schema.fill();
        present.roll();
        assertThatThrownBy(previous::install).hasMessageContaining("made by a newer library");
        assertThatThrownBy(previous::roll).hasMessageContaining("were installed by version");
        for (int i = 0; i < 8; i++) {
            schema.change(BUSY, i);
        }
        assertAllFiguresAreRight(previous, present);
        assertThat(previous.readFromRollups()).isZero();
        assertThat(present.readFromRollups()).isEqualTo(2);
        assertThat(present.drift()).isZero();
    }

    @Test
    void installUpgradesInPlaceUnderTheTrafficOfBothVersions() {
        Tables previous = tables(PREVIOUS);
        Tables present = tables(PRESENT);
        previous.install();
        schema.fill();
        previous.roll();
        Figure still = schema.oracle(STILL);

        AtomicInteger written = new AtomicInteger();
        try (Traffic traffic = new Traffic()) {
            traffic.repeat(number -> {
                schema.change(BUSY, number);
                written.incrementAndGet();
            });
            traffic.repeat(number -> record(previous, "previous-" + number, number));
            for (Tables tables : List.of(previous, present)) {
                traffic.repeat(number -> {
                    assertThat(tables.rolledUp(STILL, MARCH)).matches(still::counts, "counts as " + still);
                    assertThat(tables.calculate(STILL, MARCH)).matches(still::counts, "counts as " + still);
                });
            }
            traffic.repeat(number -> rollUnlessInstalledByTheOther(number % 2 == 0 ? previous : present));
            for (int i = 0; i < 3; i++) {
                present.install();
                if (i == 0) {
                    traffic.repeat(number -> record(present, "present-" + number, number));
                }
                int target = written.get() + 5;
                traffic.until(() -> written.get() >= target);
            }
        }

        assertAllFiguresAreRight(previous, present);
        present.roll();
        assertAllFiguresAreRight(previous, present);
        assertThat(present.drift()).isZero();
    }

    private static void rollUnlessInstalledByTheOther(Tables tables) {
        try {
            tables.roll();
        } catch (RuntimeException e) {
            assertThat(e).hasMessageContaining("were installed by version");
        }
    }

    /** An event and its delivery by the ledger of a version. */
    private static void record(Tables tables, String id, int number) {
        Instant at = Instant.parse("2026-03-05T00:10:00Z").plusSeconds(number % 1_000 * 600L);
        tables.recordsDuplicate(Schema.projectOf(BUSY), id, "by the ledger", "", at);
        tables.deliver(Schema.projectOf(BUSY), "of-" + id, id, at.plusSeconds(60));
    }

    @Tag("thorough")
    @Test
    void tablesThatThePreviousVersionPartitionedAreUsedAndExtended() {
        Tables before = tables(PREVIOUS);
        Tables after = tables(PRESENT);
        before.install();
        schema.fill();
        before.roll();
        before.partition();

        assertThat(after.isPartitioned()).isTrue();
        assertThat(after.createAhead()).as("partitions that are there already").isEmpty();
        after.install();
        String next = "events_p"
                + YearMonth.now(ZoneOffset.UTC).plusMonths(1).toString().replace("-", "");
        Servers.sql("drop table " + schema.name() + "." + next);
        assertThat(after.createAhead()).singleElement().asString().contains(next);
        assertThat(before.createAhead()).isEmpty();

        schema.change(BUSY, 1);
        after.roll();
        schema.change(BUSY, 2);
        after.roll();
        assertAllFiguresAreRight(before, after);
        assertThat(after.readFromRollups()).isPositive();
        assertThat(after.drift()).isZero();
    }

    /** A worker that sums up wrongly is detected by the figures and by the other version's verification: the suite can fail. */
    @Test
    void aStatementThatRollsOtherSumsIsDetected() {
        Tables wrong = tables(Baseline.changed("postgres/rollups/maintain.sql", "count(*) as volume,", "1 as volume,"));
        Tables right = tables(PREVIOUS);
        right.install();
        schema.fill();
        wrong.roll();

        assertThatThrownBy(() -> assertAllFiguresAreRight(right))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("counts as");
        assertThat(right.drift()).isPositive();
    }

    @Tag("thorough")
    @ParameterizedTest
    @MethodSource("bothDirections")
    void rollUpsOfANewerVersionAreRefusedInWordsAndNotMisread(Release newer, Release older) {
        Tables upgraded = tables(newer);
        Tables behind = tables(older);
        upgraded.install();
        schema.fill();
        upgraded.roll();
        Servers.sql("update %s_rollups.state set version = version + 10".formatted(schema.name()));
        Servers.sql("update %s_rollups.rollup set received_volume = received_volume + 1".formatted(schema.name()));

        assertAllFiguresAreRight(behind);
        assertThat(behind.readFromRollups()).isZero();
        assertThatThrownBy(behind::install)
                .hasMessageContaining("made by a newer library")
                .hasMessageContaining("update the library");
        assertThatThrownBy(behind::roll)
                .hasMessageContaining("were installed by version")
                .hasMessageContaining("this library has version");
    }

    /** Retained sums are the only copy of what rows counted that are deleted: each version reads them, whichever installed them. */
    @Tag("thorough")
    @ParameterizedTest
    @MethodSource("bothDirections")
    void sumsOfDeletedRowsAreReadByTheOtherVersionAndByOlderOnes(Release from, Release to) {
        Tables before = tables(from);
        Tables after = tables(to);
        before.install();
        schema.fill();
        before.roll();
        Figure still = schema.oracle(STILL);

        before.deleteBefore(Instant.parse("2026-03-10T00:00:00Z"));
        assertThat(schema.oracle(STILL)).as("rows that are left").matches(left -> !left.counts(still));

        assertThat(after.rolledUp(STILL, MARCH)).matches(still::counts, "counts as " + still);
        if (to == PRESENT) {
            after.install();
            after.deleteBefore(Instant.parse("2026-03-20T00:00:00Z"));
        } else {
            assertThatThrownBy(after::install).hasMessageContaining("made by a newer library");
            before.deleteBefore(Instant.parse("2026-03-20T00:00:00Z"));
        }
        assertThat(before.rolledUp(STILL, MARCH)).matches(still::counts, "counts as " + still);
        assertThat(after.rolledUp(STILL, MARCH)).matches(still::counts, "counts as " + still);

        Servers.sql("update %s_rollups.state set version = version + 10".formatted(schema.name()));
        assertThat(before.rolledUp(STILL, MARCH))
                .as("by an older version")
                .matches(still::counts, "counts as " + still);
    }

    /** Threads that repeat an action until they are stopped; the first error fails the test. */
    private static final class Traffic implements AutoCloseable {

        private static final long LIMIT_SECONDS = 60;

        private final AtomicBoolean stopped = new AtomicBoolean();
        private final ExecutorService threads = Executors.newCachedThreadPool();
        private final List<Future<?>> actions = new ArrayList<>();

        void repeat(IntConsumer action) {
            actions.add(threads.submit(() -> {
                for (int number = 0; !stopped.get(); number++) {
                    action.accept(number);
                }
            }));
        }

        void until(BooleanSupplier condition) {
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
            while (!condition.getAsBoolean()) {
                if (System.nanoTime() > deadline || actions.stream().anyMatch(Future::isDone)) {
                    break; // close reports why
                }
                Thread.onSpinWait();
            }
        }

        @Override
        public void close() {
            stopped.set(true);
            threads.shutdown();
            for (Future<?> action : actions) {
                try {
                    action.get(LIMIT_SECONDS, TimeUnit.SECONDS);
                } catch (ExecutionException | TimeoutException e) {
                    throw new AssertionError("traffic failed during the installation", e);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    throw new AssertionError(e);
                }
            }
        }
    }
}
