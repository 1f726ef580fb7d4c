package io.usagekit.clickhouse;

import static io.usagekit.clickhouse.Cells.DAY;
import static io.usagekit.clickhouse.Cells.TIMEOUT;
import static io.usagekit.clickhouse.Cells.hour;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.clickhouse.HistoryListener.Refusal;
import io.usagekit.postgres.rollups.spi.CellProject;
import io.usagekit.postgres.rollups.spi.CellStore;
import io.usagekit.postgres.rollups.spi.CellSums;
import io.usagekit.postgres.rollups.spi.ShippedDay;
import io.usagekit.postgres.rollups.spi.UsageCell;
import io.usagekit.postgres.rollups.spi.Watermark;
import io.usagekit.reports.ProjectUsage;
import io.usagekit.reports.UsageSeriesGranularity;
import io.usagekit.reports.UsageSeriesPoint;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Figures from two shards alone: which state they are of, and what is refused rather than returned in part. */
@Tag("thorough")
class ClickHouseHistoryIT {

    private static final Instant AS_OF = Instant.parse("2026-03-02T00:05:00.123456Z");
    private static final Instant END = hour(DAY, 24);
    private static final int PROJECTS = 20;
    private static final UsagePeriod WHOLE_DAY = UsagePeriod.between(hour(DAY, 0), END);

    @RegisterExtension
    private static final TestCluster cluster = TestCluster.own();

    private final ManualClock clock = ManualClock.at("2026-03-02T00:06:00.123456Z");
    private String database;
    private final List<String> events = new ArrayList<>();
    private CellStore store;
    private ClickHouseHistory history;

    /** In version 1, one event in each hour of a day, in twenty projects of two organisations. */
    @BeforeEach
    void install() {
        database = cluster.install();
        ClickHouseUsage usage = cluster.usage(database, clock);
        store = usage.store();
        history = usage.history(Duration.ofMinutes(5), new ThrowingHistoryListener(events));
        store.insertCells(1, Cells.oneEventAnHour(PROJECTS, DAY));
        store.insertDays(1, days(24));
        store.insertProjects(
                1,
                IntStream.range(0, PROJECTS)
                        .mapToObj(i -> new CellProject("p-" + i, Optional.of(i < 5 ? "few" : "many"), true))
                        .toList());
        publish(1, PROJECTS);
    }

    private static List<ShippedDay> days(long versions) {
        return IntStream.range(0, PROJECTS)
                .mapToObj(i -> new ShippedDay("p-" + i, DAY, versions))
                .toList();
    }

    private void publish(long version, long projects) {
        store.publish(watermark(version, 1, new Watermark.Projects(1, projects)));
    }

    private static Watermark watermark(long version, long cellsFrom, Watermark.Projects projects) {
        return new Watermark(version, AS_OF, hour(DAY, -24), END, cellsFrom, projects);
    }

    private OrganisationUsage figure(String organisationId, Instant start, Instant end) {
        return history.calculate(new UsageKey(organisationId, UsagePeriod.between(start, end)), TIMEOUT);
    }

    private long volume(String organisationId) {
        return figure(organisationId, WHOLE_DAY.start(), WHOLE_DAY.end())
                .received()
                .volume();
    }

    /** Refused in each form, of which the listener is notified. */
    private void assertRefused(Refusal reason, String why) {
        events.clear();
        assertThatThrownBy(() -> volume("many"))
                .isInstanceOfSatisfying(
                        UsageCalculationException.class,
                        e -> assertThat(e.isTransient()).isTrue())
                .hasMessageContaining(why);
        assertThatThrownBy(() -> history.calculateAll(
                        WHOLE_DAY,
                        TIMEOUT,
                        figure -> {
                            throw new AssertionError("nothing is passed on, but " + figure);
                        },
                        (organisation, e) -> {
                            throw new AssertionError(organisation, e);
                        }))
                .hasMessageContaining(why);
        UsageKey key = new UsageKey("many", WHOLE_DAY);
        assertThatThrownBy(() -> history.series(key, UsageSeriesGranularity.HOUR, ZoneOffset.UTC, TIMEOUT))
                .hasMessageContaining(why);
        assertThatThrownBy(() -> history.byProject(key, TIMEOUT)).hasMessageContaining(why);
        assertThat(events).containsExactlyElementsOf(Collections.nCopies(4, reason + " " + true));
    }

    private void delete(String table, String condition) {
        for (int shard = 0; shard < 2; shard++) {
            delete(shard, table, condition);
        }
    }

    private void delete(int shard, String table, String condition) {
        cluster.execute(
                shard,
                "alter table " + database + "." + table + "_local delete where " + condition
                        + " settings mutations_sync = 2");
    }

    @Test
    void returnsTheFigureOfTheStateOnWholeHours() {
        OrganisationUsage day = figure("few", WHOLE_DAY.start(), END);
        assertThat(day.received()).isEqualTo(new UsageMetrics(120, 1_200));
        assertThat(day.sent()).isEqualTo(day.received());
        assertThat(day.createdAt()).isEqualTo(AS_OF);
        assertThat(day.isPeriodOver()).isTrue();
        assertThat(history.ageOf(day)).isEqualTo(Duration.ofMinutes(1));
        assertThat(events).containsExactly("computed PT1M");
        assertThat(figure("few", hour(DAY, 3), hour(DAY, 5)).received().volume())
                .isEqualTo(10);
        assertThat(figure("few", hour(DAY, -24), hour(DAY, 1)).received().volume())
                .isEqualTo(5);
        assertThat(volume("many")).isEqualTo(15 * 24);
        assertThat(volume("unknown")).isZero();
    }

    @Test
    void computesTheFiguresOfAllOrganisationsOfOneState() {
        store.insertProjects(2, List.of(new CellProject("new", Optional.of("none"), true)));
        publish(2, PROJECTS + 2);
        List<String> figures = new ArrayList<>();
        long computed = history.calculateAll(
                WHOLE_DAY,
                TIMEOUT,
                figure -> figures.add(
                        figure.organisationId() + " " + figure.received().volume()),
                (organisation, e) -> figures.add(organisation + " failed"));
        assertThat(computed).isEqualTo(3);
        assertThat(figures).containsExactly("few 120", "many 360", "none 0");
        assertThat(events).containsExactly("computed PT1M");
    }

    @Test
    void readsCellsAndProjectsUpToTheStateOnly() {
        store.insertCells(2, List.of(Cells.cell("p-7", hour(DAY, 7), 100)));
        store.insertDays(2, List.of(new ShippedDay("p-7", DAY, 25)));
        store.insertProjects(2, List.of(new CellProject("p-0", Optional.of("many"), true)));
        assertThat(volume("many")).as("not published yet").isEqualTo(360);

        publish(2, PROJECTS + 1);
        assertThat(volume("many")).isEqualTo(360 + 99 + 24);
        assertThat(volume("few")).isEqualTo(96);

        store.insertProjects(3, List.of(new CellProject("p-7", Optional.of("many"), false)));
        publish(3, PROJECTS + 3);
        assertThat(volume("many")).as("without a project that was deleted").isEqualTo(360 + 24 - 24);
    }

    /** What a dead attempt, or another timeline of PostgreSQL, has left behind. */
    @Test
    void leavesOutWhatIsFromBeforeTheFirstVersionThatCounts() {
        store.insertCells(5, Cells.oneEventAnHour(1, DAY.plusDays(-1)));
        store.insertDays(5, List.of(new ShippedDay("p-0", DAY.plusDays(-1), 120)));
        store.insertProjects(5, List.of(new CellProject("p-5", Optional.of("few"), true)));
        store.insertCells(6, List.of(Cells.cell("p-0", hour(DAY, 7), 3)));
        store.insertDays(6, List.of(new ShippedDay("p-0", DAY, 6)));
        store.insertProjects(6, List.of(new CellProject("p-0", Optional.of("few"), true)));
        store.publish(watermark(6, 6, new Watermark.Projects(6, 1)));

        assertThat(figure("few", hour(DAY, -24), END).received().volume()).isEqualTo(3);
        assertThat(volume("many")).isZero();
    }

    @Test
    void dividesAnOrganisationByTimeAndProject() {
        store.insertCells(2, List.of(new UsageCell("p-1", hour(DAY, 7), new CellSums(10, 200, 30, 4_000, 0, 5))));
        store.insertDays(2, List.of(new ShippedDay("p-1", DAY, 25)));
        store.insertProjects(2, List.of(new CellProject("idle", Optional.of("few"), true)));
        publish(2, PROJECTS + 2);
        UsageKey key = new UsageKey("few", UsagePeriod.between(hour(DAY, 5), hour(DAY, 9)));

        assertThat(history.series(key, UsageSeriesGranularity.HOUR, ZoneId.of("Asia/Tokyo"), TIMEOUT))
                .containsExactly(
                        point(5, 6, 5, 50, 5, 50, 0),
                        point(6, 7, 5, 50, 5, 50, 0),
                        point(7, 8, 14, 240, 34, 4_040, 5),
                        point(8, 9, 5, 50, 5, 50, 0));
        assertThat(history.series(key, UsageSeriesGranularity.DAY, ZoneId.of("Etc/GMT+8"), TIMEOUT))
                .as("days that begin at 8:00 UTC")
                .containsExactly(point(5, 8, 24, 340, 44, 4_140, 5), point(8, 9, 5, 50, 5, 50, 0));
        assertThat(history.byProject(key, TIMEOUT))
                .containsExactly(
                        new ProjectUsage("idle", UsageMetrics.ZERO, UsageMetrics.ZERO),
                        new ProjectUsage("p-0", new UsageMetrics(4, 40), new UsageMetrics(4, 40)),
                        new ProjectUsage("p-1", new UsageMetrics(13, 230), new UsageMetrics(33, 4_030), 5),
                        new ProjectUsage("p-2", new UsageMetrics(4, 40), new UsageMetrics(4, 40)),
                        new ProjectUsage("p-3", new UsageMetrics(4, 40), new UsageMetrics(4, 40)),
                        new ProjectUsage("p-4", new UsageMetrics(4, 40), new UsageMetrics(4, 40)));
        UsageKey unknown = new UsageKey("unknown", WHOLE_DAY);
        assertThat(history.series(unknown, UsageSeriesGranularity.MONTH, ZoneOffset.UTC, TIMEOUT))
                .containsExactly(point(0, 24, 0, 0, 0, 0, 0));
        assertThat(history.byProject(unknown, TIMEOUT)).isEmpty();
    }

    private static UsageSeriesPoint point(
            int from, int to, long received, long receivedBytes, long sent, long sentBytes, long unmeasured) {
        return new UsageSeriesPoint(
                hour(DAY, from),
                hour(DAY, to),
                new UsageMetrics(received, receivedBytes),
                new UsageMetrics(sent, sentBytes),
                unmeasured);
    }

    @Test
    void readsTheNewestStateThatAllShardsHave() {
        store.insertCells(2, List.of(Cells.cell("p-7", hour(DAY, 7), 100)));
        store.insertDays(2, List.of(new ShippedDay("p-7", DAY, 25)));
        publish(2, PROJECTS);
        assertThat(volume("many")).isEqualTo(459);

        delete(1, "watermark", "version = 2");
        assertThat(volume("many")).as("a shard lacks the newest state").isEqualTo(360);
        delete(1, "watermark", "true");
        assertRefused(Refusal.NO_STATE, "there is no state that all shards of ClickHouse have");
    }

    @Test
    void refusesAStateThatIsTooOld() {
        clock.advance(Duration.ofMinutes(4));
        assertThat(volume("many")).isEqualTo(360);
        clock.advance(Duration.ofMillis(1));
        assertRefused(
                Refusal.TOO_OLD,
                "the newest state that all shards of ClickHouse have is that of 2026-03-02T00:05:00.123456Z, PT5M0.001S"
                        + " ago, and maxLag is PT5M");
    }

    @Test
    void refusesWindowsThatAreNotCoveredOrNotOnWholeHours() {
        assertThatThrownBy(() -> figure("many", hour(DAY, 3), hour(DAY, 25)))
                .hasMessageContaining("ClickHouse has the hours from 2026-02-28T00:00:00Z to 2026-03-02T00:00:00Z");
        assertThatThrownBy(() -> figure("many", hour(DAY, -25), END)).hasMessageContaining("ClickHouse has the hours");
        for (Instant odd : List.of(hour(DAY, 3).plusSeconds(1_800), hour(DAY, 3).plusNanos(1_000))) {
            assertThatThrownBy(() -> figure("many", odd, END))
                    .isInstanceOfSatisfying(
                            UsageCalculationException.class,
                            e -> assertThat(e.isTransient()).isFalse())
                    .hasMessageContaining("there are sums of whole UTC hours only");
            assertThatThrownBy(() -> figure("many", hour(DAY, 0), odd)).hasMessageContaining("whole UTC hours");
        }
        UsageKey key = new UsageKey("many", WHOLE_DAY);
        assertThatThrownBy(() -> history.series(key, UsageSeriesGranularity.DAY, ZoneId.of("Asia/Kolkata"), TIMEOUT))
                .hasMessageContaining(
                        "it is divided at 2026-03-01T18:30:00Z, and there are sums of whole UTC hours only");
        assertThat(events.subList(0, 2)).containsOnly("NOT_COVERED true");
        assertThat(events.subList(2, 7)).containsOnly("DIVIDED_HOUR false");
        ClickHouseUsage usage = cluster.usage(database);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> usage.history(Duration.ZERO))
                .withMessage("maxLag must be between PT1S and PT8784H, but was PT0S");
    }

    /** Each table of which a row is missing, and one that was never to be there. */
    @ParameterizedTest
    @ValueSource(strings = {"cell hour % 86400 = 25200", "day true", "project true"})
    void refusesAPartOfAState(String lost) {
        String table = lost.replaceFirst(" .*", "");
        delete(table, "project = 'p-7' and " + lost.replaceFirst("^\\w+ ", ""));
        assertRefused(Refusal.INCOMPLETE, "ClickHouse lacks rows, or a replica lags: in version 1 the versions of");
        if (!table.equals("project")) {
            assertThat(volume("few")).as("another organisation").isEqualTo(120);
        }
    }

    @Test
    void refusesAnOlderVersionOfAnHour() {
        store.insertCells(2, List.of(Cells.cell("p-7", hour(DAY, 7), 100)));
        store.insertDays(2, List.of(new ShippedDay("p-7", DAY, 25)));
        publish(2, PROJECTS);
        delete("cell", "version = 2");
        assertRefused(Refusal.INCOMPLETE, "the versions of the cells of the project p-7 add up to 24 and not to 25");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void refusesWhatIsOnAShardThatWasEmptied(int shard) {
        delete(shard, "cell", "true");
        delete(shard, "day", "true");
        assertRefused(Refusal.INCOMPLETE, "ClickHouse lacks rows");
        delete(shard, "project", "true");
        assertRefused(Refusal.INCOMPLETE, "the versions of projects");
        delete(shard, "watermark", "true");
        assertRefused(Refusal.NO_STATE, "there is no state that all shards of ClickHouse have");
    }

    @Test
    void failsWhileAShardIsAway() {
        cluster.shards().kill(1);
        try {
            for (int i = 0; i < 20; i++) {
                assertThatThrownBy(() -> volume("many"))
                        .isInstanceOfSatisfying(
                                UsageCalculationException.class,
                                e -> assertThat(e.isTransient()).isTrue())
                        .hasMessageContaining("ALL_CONNECTION_TRIES_FAILED");
            }
            assertThat(events).containsExactlyElementsOf(Collections.nCopies(20, "failed true"));
        } finally {
            cluster.shards().restart(1);
        }
        assertThat(volume("many")).isEqualTo(360);
    }

    @Test
    void saysWhyAnOrganisationHasNoFigure() {
        store.insertCells(
                2,
                List.of(
                        new UsageCell("p-7", hour(DAY, 7), new CellSums(1, 1, 0, 0, 3, 0)),
                        new UsageCell("p-0", hour(DAY, 7), new CellSums(1, Long.MAX_VALUE, 0, 0, 0, 0))));
        store.insertDays(2, List.of(new ShippedDay("p-7", DAY, 25), new ShippedDay("p-0", DAY, 25)));
        store.insertProjects(2, List.of(new CellProject("p-8", Optional.of("other"), true, true)));
        publish(2, PROJECTS + 1);

        List<String> failed = new ArrayList<>();
        assertThat(history.calculateAll(WHOLE_DAY, TIMEOUT, figure -> {}, (organisation, e) -> {
                    assertThat(e.isTransient()).isFalse();
                    failed.add(e.getMessage());
                }))
                .isZero();
        assertThat(events).containsExactly("computed PT1M", "NO_FIGURE false", "NO_FIGURE false", "NO_FIGURE false");
        assertThat(failed).hasSize(3);
        assertThat(failed.get(0)).contains("few", "a sum exceeds 9223372036854775807");
        assertThat(failed.get(1)).contains("many", "3 rows have no size");
        assertThat(failed.get(2)).contains("other", "retention has kept sums of the project \"p-8\"", "moveRetained");
        assertThatThrownBy(() -> volume("other")).hasMessage(failed.get(2));
        for (String organisation : List.of("few", "many", "other")) {
            UsageKey key = new UsageKey(organisation, WHOLE_DAY);
            String why = failed.get(List.of("few", "many", "other").indexOf(organisation));
            assertThatThrownBy(() -> history.series(key, UsageSeriesGranularity.DAY, ZoneOffset.UTC, TIMEOUT))
                    .hasMessage(why);
            assertThatThrownBy(() -> history.byProject(key, TIMEOUT)).hasMessage(why);
        }
        UsageKey before = new UsageKey("other", UsagePeriod.between(hour(DAY, -24), hour(DAY, 0)));
        assertThat(history.byProject(before, TIMEOUT))
                .as("without a project that is missing")
                .isEmpty();
        assertThatThrownBy(() -> history.calculateAll(WHOLE_DAY, TIMEOUT, figure -> {}))
                .hasMessageStartingWith("3 of 3 organisations have no figure")
                .hasMessageContaining(failed.get(0));
        assertThat(figure("other", hour(DAY, -24), hour(DAY, 0)).received())
                .as("of a time without such sums")
                .isEqualTo(UsageMetrics.ZERO);
    }

    @Test
    void takesAnyId() {
        List<String> ids = List.of("it's", "a\\b\\", "\\'; drop", "?", ":version", "{database}", "ü\n\t", "\"`", "");
        store.insertCells(
                2, ids.stream().map(id -> Cells.cell(id, hour(DAY, 7), 1)).toList());
        store.insertDays(2, ids.stream().map(id -> new ShippedDay(id, DAY, 2)).toList());
        store.insertProjects(
                2,
                ids.stream()
                        .map(id -> new CellProject(id, Optional.of("org " + id), true))
                        .toList());
        publish(2, PROJECTS + 2L * ids.size());
        for (String id : ids) {
            assertThat(volume("org " + id)).as(id).isOne();
        }
    }

    /** More projects than one statement has, with ids that take more octets than characters. */
    @Test
    void readsOrganisationsWithManyProjects() {
        List<String> ids =
                IntStream.range(0, 3_000).mapToObj(i -> "ü".repeat(50) + i).toList();
        store.insertCells(
                2, ids.stream().map(id -> Cells.cell(id, hour(DAY, 7), 1)).toList());
        store.insertDays(2, ids.stream().map(id -> new ShippedDay(id, DAY, 2)).toList());
        store.insertProjects(
                2,
                ids.stream()
                        .map(id -> new CellProject(id, Optional.of("large"), true))
                        .toList());
        publish(2, PROJECTS + 2L * ids.size());
        assertThat(volume("large")).isEqualTo(ids.size());
        assertThat(history.byProject(new UsageKey("large", WHOLE_DAY), TIMEOUT)).hasSize(ids.size());

        store.publish(
                new Watermark(3, AS_OF, Instant.MIN, END, 1, new Watermark.Projects(1, PROJECTS + 2L * ids.size())));
        Duration longest = Duration.ofDays(UsagePeriod.MAX_DAYS);
        UsageKey year = new UsageKey("large", UsagePeriod.between(END.minus(longest), END));
        assertThat(history.series(year, UsageSeriesGranularity.HOUR, ZoneOffset.UTC, TIMEOUT))
                .as("the longest series, whose hours are part of each statement")
                .hasSize(Math.toIntExact(longest.toHours()))
                .contains(point(7, 8, 3_000, 30_000, 3_000, 30_000, 0));
    }
}
