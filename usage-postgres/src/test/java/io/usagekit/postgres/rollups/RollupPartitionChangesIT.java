package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.testing.Commits;
import io.usagekit.postgres.testing.Database;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Partitions with rows are attached, detached, created and dropped beside roll-ups: no figure is wrong. */
class RollupPartitionChangesIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);

    private static final long FIVE_SECONDS = Duration.ofSeconds(5).toNanos();

    /** March as far as it is over. */
    private static final UsageKey ROLLED = new UsageKey(
            "org-123",
            UsagePeriod.between(Instant.parse("2026-03-01T00:00:00Z"), Instant.parse("2026-03-17T12:00:00Z")));

    private final List<String> notifications = new ArrayList<>();
    private RollupFixture fixture;
    private TableMapping mapping;
    private PostgresRollups rollups;
    private FigureComparison figures;

    @BeforeEach
    void begin() {
        fixture = RollupFixture.tables(Database.pool(), Database.newSchema("leaves"));
        fixture.run(
                "create table {s}.parts (id varchar, project_id varchar, raw text not null, created_at timestamptz not null)"
                        + " partition by range (created_at)",
                "create table {s}.parts_1 partition of {s}.parts for values from ('2026-03-01Z') to ('2026-03-10Z')",
                "create table {s}.parts_2 partition of {s}.parts for values from ('2026-03-10Z') to ('2026-04-01Z')"
                        + " partition by list (project_id)",
                "create table {s}.parts_2_p partition of {s}.parts_2 for values in ('p')",
                "create table {s}.parts_2_q partition of {s}.parts_2 for values in ('q')",
                "insert into {s}.parts values ('1', 'p', 'seven b', '2026-03-05T05:05:00Z'),"
                        + " ('2', 'p', 'seven b', '2026-03-15T05:05:00Z'), ('3', 'q', 'seven b', '2026-03-15T06:05:00Z')",
                "insert into {s}.event_deliveries select 'd' || id, project_id, id, 'Success', created_at + interval '1 day'"
                        + " from {s}.parts",
                "insert into {s}.event_deliveries values ('dx', 'q', 'x', 'Success', '2026-03-16T00:00:00Z')");
        mapping = fixture.mapping.toBuilder()
                .events("parts")
                .withoutEventDeletion()
                .payload("raw")
                .build();
        rollups = fixture.rollups(mapping, FigureWays.withHoursTo(notifications));
        rollups.install();
        runWorker();
        figures = new FigureComparison(fixture.dataSource, rollups, mapping);
        assertRead("rolled, 0 live, 0 marked", new UsageMetrics(3, 21), new UsageMetrics(4, 21));
    }

    @AfterEach
    void end() {
        rollups.removeWithRetained();
        fixture.close();
    }

    /** The roll-ups by connections that call this with each statement before it is prepared. */
    private PostgresRollups watched(Consumer<String> watcher) {
        return PostgresRollups.builder(
                        Commits.watchedStatements(fixture.dataSource, (connection, sql) -> watcher.accept(sql)))
                .mapping(mapping)
                .clock(fixture.clock)
                .build();
    }

    private RollupRunResult runWorker() {
        return RollupFixture.runWorker(rollups);
    }

    private void assertRead(String notification, UsageMetrics received, UsageMetrics sent) {
        notifications.clear();
        var figure = rollups.calculator().calculate(ROLLED, TIMEOUT);
        assertThat(figure.received()).isEqualTo(received);
        assertThat(figure.sent()).isEqualTo(sent);
        assertThat(notifications).containsExactly(notification);
        FigureComparison.Pair pair = figures.compare(ROLLED);
        assertThat(pair.rolled()).isEqualTo(pair.raw());
    }

    private void assertAlterations(String... words) {
        assertThat(String.join("\n", rollups.status().orElseThrow().alterations()))
                .contains(words);
    }

    @Test
    void marksTheHoursOfRowsThatCameWithAnAttachedPartition() {
        fixture.run(
                "create table {s}.parts_0 (like {s}.parts)",
                "insert into {s}.parts_0 values ('x', 'q', '123', '2026-02-20T00:00:00Z')",
                "alter table {s}.parts attach partition {s}.parts_0 for values from ('2026-02-01Z') to ('2026-03-01Z')");
        assertRead("ALTERED", new UsageMetrics(3, 21), new UsageMetrics(4, 24));
        assertAlterations("parts_0 is new below");

        RollupRunResult run = runWorker();
        assertThat(run.finished()).isTrue();
        assertThat(run.rerolledHours()).as("of the event and of its delivery").isEqualTo(2);
        assertRead("rolled, 0 live, 0 marked", new UsageMetrics(3, 21), new UsageMetrics(4, 24));
        assertThat(rollups.status().orElseThrow().alterations()).isEmpty();

        fixture.run("update {s}.parts_0 set raw = '12345'");
        assertRead("rolled, 1 live, 1 marked", new UsageMetrics(3, 21), new UsageMetrics(4, 26));
    }

    @Test
    void rollsFromScratchAfterAPartitionWasDroppedOrDetached() {
        fixture.run("drop table {s}.parts_1");
        assertRead("ALTERED", new UsageMetrics(2, 14), new UsageMetrics(4, 14));
        assertAlterations("was detached or dropped");
        runWorker();
        assertRead("rolled, 0 live, 0 marked", new UsageMetrics(2, 14), new UsageMetrics(4, 14));

        fixture.run("alter table {s}.parts_2 detach partition {s}.parts_2_q");
        assertRead("ALTERED", new UsageMetrics(1, 7), new UsageMetrics(4, 7));
        runWorker();
        assertRead("rolled, 0 live, 0 marked", new UsageMetrics(1, 7), new UsageMetrics(4, 7));
    }

    @Test
    void noticesAPartitionThatWasDetachedChangedAndAttachedAgain() {
        fixture.run(
                "alter table {s}.parts detach partition {s}.parts_1",
                "delete from {s}.parts_1",
                "alter table {s}.parts attach partition {s}.parts_1 for values from ('2026-03-01Z') to ('2026-03-10Z')");
        assertRead("ALTERED", new UsageMetrics(2, 14), new UsageMetrics(4, 14));
        runWorker();
        assertRead("rolled, 0 live, 0 marked", new UsageMetrics(2, 14), new UsageMetrics(4, 14));
    }

    @Test
    void noticesAPartitionThatAnotherTableOfItsBoundsReplaces() {
        fixture.run(
                "create table {s}.other (like {s}.parts)",
                "insert into {s}.other values ('1', 'p', '123', '2026-03-05T05:05:00Z')",
                "begin; alter table {s}.parts detach partition {s}.parts_1; alter table {s}.parts attach partition {s}.other"
                        + " for values from ('2026-03-01Z') to ('2026-03-10Z'); commit");
        assertRead("ALTERED", new UsageMetrics(3, 17), new UsageMetrics(4, 17));
        assertAlterations("other is new below", "was detached or dropped");
        runWorker();
        assertRead("rolled, 0 live, 0 marked", new UsageMetrics(3, 17), new UsageMetrics(4, 17));
    }

    @Test
    void keepsRolledHoursWhereAPartitionIsRewritten() {
        fixture.run("vacuum full {s}.parts_1");
        assertRead("rolled, 0 live, 0 marked", new UsageMetrics(3, 21), new UsageMetrics(4, 21));
    }

    @Test
    void noticesTruncateOfAPartitionThatWasCreatedAfterInstall() {
        fixture.run(
                "create table {s}.parts_2_r partition of {s}.parts_2 for values in ('r')",
                "insert into {s}.projects values ('r', 'org-123')",
                "insert into {s}.parts values ('r', 'r', '123', '2026-03-16T00:00:00Z')");
        runWorker();
        assertRead("rolled, 0 live, 0 marked", new UsageMetrics(4, 24), new UsageMetrics(4, 21));
        fixture.run("truncate {s}.parts_2_r");
        assertRead("ALTERED", new UsageMetrics(3, 21), new UsageMetrics(4, 21));
        assertAlterations("parts_2_r was emptied or rewritten, and has no trigger");
        runWorker();
        assertRead("rolled, 0 live, 0 marked", new UsageMetrics(3, 21), new UsageMetrics(4, 21));

        rollups.install();
        fixture.run("vacuum full {s}.parts_2_r");
        assertRead("rolled, 0 live, 0 marked", new UsageMetrics(3, 21), new UsageMetrics(4, 21));
    }

    @Test
    void keepsRolledHoursWhereTheHostCreatesAnEmptyPartition() {
        fixture.run(
                "create table {s}.parts_3 partition of {s}.parts for values from ('2026-04-01Z') to ('2026-05-01Z')"
                        + " partition by hash (project_id)",
                "create table {s}.parts_2_r partition of {s}.parts_2 for values in ('r')");
        assertRead("ALTERED", new UsageMetrics(3, 21), new UsageMetrics(4, 21));
        rollups.install();
        assertThat(rollups.status().orElseThrow().coveredBefore()).isPresent();
        RollupRunResult run = runWorker();
        assertThat(run.rerolledHours() + run.backfillSteps()).isZero();
        assertRead("rolled, 0 live, 0 marked", new UsageMetrics(3, 21), new UsageMetrics(4, 21));

        fixture.run("create table {s}.parts_3_0 partition of {s}.parts_3 for values with (modulus 1, remainder 0)");
        assertRead("ALTERED", new UsageMetrics(3, 21), new UsageMetrics(4, 21));
        runWorker();
        assertRead("rolled, 0 live, 0 marked", new UsageMetrics(3, 21), new UsageMetrics(4, 21));
    }

    @Test
    void staysExactWhereTheWorkerEndsBeforeItHasRecordedThePartition() {
        fixture.run(
                "create table {s}.parts_0 (like {s}.parts)",
                "insert into {s}.parts_0 values ('x', 'q', '123', '2026-02-20T00:00:00Z')",
                "alter table {s}.parts attach partition {s}.parts_0 for values from ('2026-02-01Z') to ('2026-03-01Z')");
        try (RollupWorker failing = rollups.worker()
                .probe((step, point) -> {
                    if (step == RollupTransactions.Step.FOLLOW_PARTITIONS) {
                        throw new SQLException("the database failed");
                    }
                })
                .build()) {
            assertThatThrownBy(failing::runOnce).hasMessageContaining("the database failed");
        }
        assertRead("ALTERED", new UsageMetrics(3, 21), new UsageMetrics(4, 24));
        runWorker();
        assertRead("rolled, 0 live, 0 marked", new UsageMetrics(3, 21), new UsageMetrics(4, 24));
    }

    /** A worker and a calculator look at the triggers of single partitions every five seconds at most. */
    @Test
    void noticesTriggersOfAPartitionThatAreDisabled() {
        AtomicLong nanos = new AtomicLong();
        UsageCalculator calculator = new RollupCalculator(
                new PostgresRollups.Settings(
                        fixture.dataSource,
                        mapping,
                        rollups.schema(),
                        ProjectScope.ALIVE,
                        fixture.clock,
                        new RollupListener() {},
                        Set.of(),
                        false),
                nanos::get,
                false);
        assertThat(calculator.calculate(ROLLED, TIMEOUT).received()).isEqualTo(new UsageMetrics(3, 21));
        fixture.run("alter table {s}.parts_2_p disable trigger user", "delete from {s}.parts_2_p");
        assertThat(calculator.calculate(ROLLED, TIMEOUT).received())
                .as("within the five seconds")
                .isEqualTo(new UsageMetrics(3, 21));
        nanos.addAndGet(FIVE_SECONDS);
        assertThat(calculator.calculate(ROLLED, TIMEOUT).received()).isEqualTo(new UsageMetrics(2, 14));
        assertThat(calculator.calculateAll(List.of(ROLLED), TIMEOUT).figures())
                .hasEntrySatisfying(
                        ROLLED, figure -> assertThat(figure.received()).isEqualTo(new UsageMetrics(2, 14)));
        assertAlterations("triggers are missing or disabled");

        assertThatThrownBy(this::runWorker)
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("triggers are missing or disabled")
                .hasMessageContaining("call install() again");
        rollups.install();
        runWorker();
        assertRead("rolled, 0 live, 0 marked", new UsageMetrics(2, 14), new UsageMetrics(4, 14));
    }

    /** A worker looks at all triggers after five seconds, and at those of each partition only where one is disabled or a partition isn't permanent. */
    @ParameterizedTest
    @CsvSource(textBlock = """
            alter table {s}.parts_2_p disable trigger user, triggers are missing or disabled
            alter table {s}.parts_1 set unlogged,           parts_1 is below
            """)
    void aWorkerThatHasSeenAllTriggersNoticesWhatIsAltered(String alteration, String words) {
        AtomicInteger ofAll = new AtomicInteger();
        AtomicInteger looks = new AtomicInteger();
        AtomicLong nanos = new AtomicLong();
        PostgresRollups watched = watched(sql -> {
            if (sql.contains("pg_relation_is_publishable")) {
                ofAll.incrementAndGet();
            }
            if (sql.contains("as standing")) {
                looks.incrementAndGet();
            }
        });
        try (RollupWorker worker = watched.worker()
                .settle(Duration.ZERO)
                .runBudget(Duration.ofMinutes(1))
                .ticker(nanos::get)
                .build()) {
            worker.runOnce();
            nanos.addAndGet(FIVE_SECONDS);
            fixture.run("create trigger another before update on {s}.parts_2_p for each row"
                    + " execute function suppress_redundant_updates_trigger()");
            worker.runOnce();
            assertThat(looks).hasValue(0);
            assertThat(ofAll.getAndSet(0)).isEqualTo(2);

            nanos.addAndGet(FIVE_SECONDS - 1);
            fixture.run(alteration);
            worker.runOnce();
            assertThat(ofAll).as("within the five seconds").hasValue(0);
            nanos.addAndGet(1);
            assertThatThrownBy(worker::runOnce).hasMessageContaining(words);
            assertThat(looks.get()).isPositive();
        }
    }

    /** Only a worker that finds nothing else altered relies on what it has seen of triggers. */
    @Test
    void aWorkerLooksAtTriggersAtOnceWhereSomethingElseIsAltered() {
        try (RollupWorker worker = rollups.worker().ticker(() -> 0).build()) {
            worker.runOnce();
            fixture.run(
                    "create table {s}.parts_3 partition of {s}.parts for values from ('2026-04-01Z') to ('2026-05-01Z')",
                    "alter table {s}.parts_3 disable trigger user");
            assertThatThrownBy(worker::runOnce).hasMessageContaining("triggers are missing or disabled");
        }
    }

    @Test
    void aWorkerThatSawAnUnloggedPartitionResetsAlsoIfItIsLoggedMeanwhile() {
        fixture.run("alter table {s}.parts_1 set unlogged");
        AtomicInteger looks = new AtomicInteger();
        PostgresRollups watched = watched(sql -> {
            if (sql.contains("as standing")) {
                looks.incrementAndGet();
            } else if (looks.compareAndSet(1, 2)) {
                fixture.run("alter table {s}.parts_1 set logged");
            }
        });
        try (RollupWorker worker = watched.worker().build()) {
            assertThatThrownBy(worker::runOnce).hasMessageContaining("a partition is unlogged");
        }
        assertThat(rollups.status().orElseThrow().coveredBefore()).isEmpty();
    }

    @Test
    void noticesPartitionsThatBecomeUnlogged() {
        fixture.run("alter table {s}.parts_1 set unlogged");
        assertThat(rollups.calculator().calculate(ROLLED, TIMEOUT).received()).isEqualTo(new UsageMetrics(3, 21));
        assertAlterations("parts_1 is below", "unlogged");
        assertThatThrownBy(this::runWorker).hasMessageContaining("parts_1 is below");
        assertThatThrownBy(rollups::install).hasMessageContaining("parts_1 is unlogged");
    }

    /** A child's rows are read with those of its parent, and fire none of its triggers. */
    @Test
    void readsRawRowsOfATableFromWhichAnotherOneInherits() {
        RollupFixture plain = RollupFixture.rolled(Database.pool(), Database.newSchema("leaves"));
        plain.run(
                "create table {s}.child () inherits ({s}.events)",
                "insert into {s}.child values ('x', 'p', '123', '', '2026-03-17T10:30:00Z')");
        assertThat(plain.rollups.calculator().calculate(ROLLED, TIMEOUT).received())
                .isEqualTo(new UsageMetrics(4, 24));
        assertThatThrownBy(plain::runWorker)
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("child by INHERITS")
                .hasMessageContaining("call install() again");
        assertThatThrownBy(plain.rollups::install).hasMessageContaining("no table from which others inherit");
        plain.run("insert into {s}.child values ('y', 'p', '12345', '', '2026-03-17T11:30:00Z')");
        assertThat(plain.rollups.calculator().calculate(ROLLED, TIMEOUT).received())
                .isEqualTo(new UsageMetrics(5, 29));
        plain.close();
    }

    /** What the library does to partitions is recorded in the same transaction. */
    @Test
    void readsRolledHoursThroughPartitioningCreationAndExpiry() {
        RollupFixture own = RollupFixture.tables(Database.pool(), Database.newSchema("leaves"));
        own.run(
                "alter table {s}.events alter column created_at set not null",
                "alter table {s}.event_deliveries alter column created_at set not null");
        own.rollups.install();
        own.run(
                "insert into {s}.events select 'e' || n, 'p', 'seven b', '', timestamptz '2026-03-17T12:00:00Z' - n *"
                        + " interval '1 day' from generate_series(1, 40) n",
                "insert into {s}.event_deliveries select 'd' || substr(id, 2), 'p', id, 'Success', created_at from {s}.events");
        own.runWorker();
        PostgresRollups listened = own.rollups(own.mapping, FigureWays.to(notifications));
        notifications.clear();
        PostgresPartitions partitions = PostgresPartitions.builder(own.dataSource)
                .mapping(own.mapping)
                .rollups(listened)
                .clock(own.clock)
                .ahead(1)
                .build();
        UsageMetrics march = new UsageMetrics(16, 112);
        List<Runnable> operations = List.of(
                () -> partitions.partition(PartitionInterval.WEEK, PartitionProgress.NONE),
                () -> assertThat(PostgresPartitions.builder(own.dataSource)
                                .mapping(own.mapping)
                                .rollups(listened)
                                .clock(own.clock)
                                .ahead(5)
                                .build()
                                .createAhead()
                                .created())
                        .isNotEmpty(),
                () -> assertThat(partitions
                                .dropExpired(Instant.parse("2026-03-05T00:00:00Z"), new RetentionProgress() {})
                                .dropped())
                        .isNotEmpty(),
                () -> partitions.unpartition(PartitionProgress.NONE));
        for (Runnable operation : operations) {
            operation.run();
            assertThat(listened.status().orElseThrow().alterations()).isEmpty();
            assertThat(listened.calculator().calculate(ROLLED, TIMEOUT).received())
                    .isEqualTo(march);
            own.runWorker();
        }
        assertThat(notifications).containsOnly("rolled");
        own.close();
    }
}
