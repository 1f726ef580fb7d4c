package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A figure is read from roll-ups as long as the partitions of its window, and those of its deliveries' events, are as they were recorded. */
class RollupProofOfTimeIT {

    private static final UsageKey FIRST_WEEK = key("2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z");

    private final List<String> notifications = new ArrayList<>();
    private RollupFixture fixture;
    private TableMapping mapping;
    private PostgresRollups rollups;

    private static UsageKey key(String start, String end) {
        return new UsageKey("org-123", UsagePeriod.between(Instant.parse(start), Instant.parse(end)));
    }

    @BeforeEach
    void begin() {
        fixture = RollupFixture.tables(Database.pool(), Database.newSchema("times"));
        mapping = fixture.mapping;
        rollups = fixture.rollups;
    }

    @AfterEach
    void end() {
        rollups.remove();
        fixture.close();
    }

    /** Partitions of half a month, of a week and of the rest of March; the event of a delivery of the week is 20 days older, that of another one younger. */
    private void roll(String timeType) {
        fixture.run(
                "create table {s}.parts (id varchar, project_id varchar, raw text not null, created_at " + timeType
                        + " not null, stored_at timestamptz) partition by range (created_at)",
                "create table {s}.sends (id varchar, project_id varchar, event_id varchar, status text, created_at "
                        + timeType + " not null, stored_at timestamptz) partition by range (created_at)");
        for (String table : List.of("parts", "sends")) {
            fixture.run(
                    partition(table, "january", "2026-01-16", "2026-02-01"),
                    partition(table, "february", "2026-02-01", "2026-02-16"),
                    partition(table, "days", "2026-02-16", "2026-03-01"),
                    partition(table, "week", "2026-03-01", "2026-03-08"),
                    partition(table, "next", "2026-03-08", "2026-03-15"),
                    partition(table, "rest", "2026-03-15", "2026-04-01"));
        }
        fixture.run(
                "insert into {s}.parts values ('old', 'p', 'four', '2026-02-15 05:05Z'), ('now', 'p', 'seven b', '2026-03-05 05:05Z'),"
                        + " ('young', 'p', 'octets 9!', '2026-03-08 00:20Z'), ('later', 'p', '12', '2026-03-09 05:05Z')",
                "insert into {s}.sends select 'd-' || id, project_id, id, 'Success', case id when 'old' then '2026-03-07 05:05Z'"
                        + " when 'young' then '2026-03-07 23:50Z' else created_at end from {s}.parts");
        TableMapping.Builder builder = fixture.mapping.toBuilder()
                .events("parts")
                .deliveries("sends")
                .withoutEventDeletion()
                .payload("raw");
        mapping = (timeType.equals("timestamp") ? builder.timestampsIn(ZoneOffset.UTC) : builder).build();
        install();
        assertRead("rolled", new UsageMetrics(1, 7), new UsageMetrics(3, 20));
    }

    private static String partition(String table, String name, String from, String to) {
        return "create table {s}." + table + "_" + name + " partition of {s}." + table + bounds(from, to);
    }

    private static String bounds(String from, String to) {
        return " for values from ('" + from + " 00:00+00') to ('" + to + " 00:00+00')";
    }

    private void install() {
        rollups = fixture.rollups(mapping, FigureWays.to(notifications));
        rollups.install();
        RollupFixture.runWorker(rollups);
    }

    private void assertRead(String notification, UsageMetrics received, UsageMetrics sent) {
        notifications.clear();
        var figure = rollups.calculator().calculate(FIRST_WEEK, Duration.ofSeconds(30));
        assertThat(figure.received()).isEqualTo(received);
        assertThat(figure.sent()).isEqualTo(sent);
        assertThat(notifications).containsExactly(notification);
        FigureComparison figures = new FigureComparison(fixture.dataSource, rollups, mapping);
        FigureComparison.Pair pair = figures.compare(FIRST_WEEK);
        assertThat(pair.rolled()).isEqualTo(pair.raw());
        figures.assertBulkEqualsSingle(List.of(FIRST_WEEK), notification);
    }

    @ParameterizedTest
    @ValueSource(strings = {"timestamptz", "timestamp"})
    void readsRolledHoursWhilePartitionsOfOtherTimesChange(String timeType) {
        roll(timeType);
        assertThat(Database.query("select count(*) from {r}.partition p join {r}.partition_now n using (role, relation)"
                                .replace("{r}", Identifiers.quote(rollups.schema()))
                        + " where n.times = p.times"))
                .as("partitions of the same times in a session of another time zone")
                .isEqualTo("12");
        fixture.run(
                partition("sends", "may", "2026-05-01", "2026-06-01"),
                "insert into {s}.sends values ('may', 'p', 'old', 'Success', '2026-05-05 05:05Z')",
                "alter table {s}.sends detach partition {s}.sends_next",
                "drop table {s}.sends_february",
                "drop table {s}.parts_january",
                "alter table {s}.parts detach partition {s}.parts_rest",
                "delete from {s}.parts_rest",
                "alter table {s}.parts attach partition {s}.parts_rest" + bounds("2026-03-15", "2026-04-01"));
        assertRead("rolled", new UsageMetrics(1, 7), new UsageMetrics(3, 20));
        assertThat(rollups.status().orElseThrow().alterations()).hasSize(6);
        RollupFixture.runWorker(rollups);
        assertThat(rollups.status().orElseThrow().alterations()).isEmpty();
        assertRead("rolled", new UsageMetrics(1, 7), new UsageMetrics(3, 20));
    }

    @ParameterizedTest
    @ValueSource(strings = {"timestamptz", "timestamp"})
    void noticesThatAPartitionOfTheWindowIsReplaced(String timeType) {
        roll(timeType);
        fixture.run(
                "create table {s}.other (like {s}.sends)",
                "insert into {s}.other values ('x', 'p', 'now', 'Success', '2026-03-05 05:05Z')",
                "begin; alter table {s}.sends detach partition {s}.sends_week; alter table {s}.sends attach partition {s}.other"
                        + bounds("2026-03-01", "2026-03-08") + "; commit");
        assertRead("ALTERED", new UsageMetrics(1, 7), new UsageMetrics(1, 7));
    }

    @Test
    void noticesThatAPartitionOfTheWindowWasDetachedChangedAndAttachedAgain() {
        roll("timestamptz");
        fixture.run(
                "alter table {s}.parts detach partition {s}.parts_week",
                "delete from {s}.parts_week",
                "alter table {s}.parts attach partition {s}.parts_week" + bounds("2026-03-01", "2026-03-08"));
        assertRead("ALTERED", new UsageMetrics(0, 0), new UsageMetrics(3, 13));
    }

    /** No recorded partition covers the whole window, so that all are compared. */
    @Test
    void noticesAPartitionThatIsNewInTheWindow() {
        roll("timestamptz");
        fixture.run("drop table {s}.sends_week");
        RollupFixture.runWorker(rollups);
        assertRead("rolled", new UsageMetrics(1, 7), UsageMetrics.ZERO);
        fixture.run(
                "create table {s}.other (like {s}.sends)",
                "insert into {s}.other values ('x', 'p', 'now', 'Success', '2026-03-05 05:05Z')",
                "alter table {s}.sends attach partition {s}.other" + bounds("2026-03-04", "2026-03-08"));
        assertRead("ALTERED", new UsageMetrics(1, 7), new UsageMetrics(1, 7));
    }

    @Test
    void noticesThatTheEventsOfLaterDeliveriesAreDetached() {
        roll("timestamptz");
        fixture.run("drop table {s}.parts_january");
        assertRead("rolled", new UsageMetrics(1, 7), new UsageMetrics(3, 20));
        fixture.run("alter table {s}.parts detach partition {s}.parts_february");
        assertRead("ALTERED", new UsageMetrics(1, 7), new UsageMetrics(3, 16));
    }

    @Test
    void noticesThatTheEventsOfEarlierDeliveriesAreDetached() {
        roll("timestamptz");
        fixture.run("alter table {s}.parts detach partition {s}.parts_next");
        assertRead("ALTERED", new UsageMetrics(1, 7), new UsageMetrics(3, 11));
    }

    /** In New York the 20 days before 23:00Z begin at midnight in UTC, since clocks are set forward in between. */
    @Test
    void comparesTheSamePartitionsInASessionOfAnotherTimeZone() {
        roll("timestamptz");
        assertThat(isIntact("UTC")).isEqualTo("t");
        fixture.run(
                "alter table {s}.parts detach partition {s}.parts_week",
                "alter table {s}.parts attach partition {s}.parts_week" + bounds("2026-03-01", "2026-03-08"));
        assertThat(isIntact("UTC")).isEqualTo("f");
        assertThat(isIntact("America/New_York")).isEqualTo("f");
    }

    /** Whether the rolled hour before 28 March is that of the tables, in a session of this time zone. */
    private String isIntact(String timeZone) {
        return Database.query(
                "select {r}.is_intact('{s}.parts', '{s}.sends', '2026-03-27 23:00Z', '2026-03-28 00:00Z') from set_config('timezone', '"
                                .replace("{r}", Identifiers.quote(rollups.schema()))
                                .replace("{s}", Identifiers.quote(mapping.schema()))
                        + timeZone + "', true)");
    }

    /** Of a table that is divided by another time, any partition may hold rows of the window. */
    @Test
    void comparesAllPartitionsOfATableThatIsDividedByAnotherTime() {
        roll("timestamptz");
        rollups.remove();
        fixture.run(
                "create table {s}.stored (like {s}.sends) partition by range (stored_at)",
                "create table {s}.stored_week partition of {s}.stored" + bounds("2026-01-01", "2026-04-01"),
                "insert into {s}.stored select id, project_id, event_id, status, created_at, created_at from {s}.sends");
        mapping = mapping.toBuilder().deliveries("stored").build();
        install();
        assertRead("rolled", new UsageMetrics(1, 7), new UsageMetrics(3, 20));
        fixture.run(
                "create table {s}.stored_may (like {s}.stored)",
                "insert into {s}.stored_may values ('x', 'p', 'now', 'Success', '2026-03-05 05:05Z', '2026-05-05 05:05Z')",
                "alter table {s}.stored attach partition {s}.stored_may" + bounds("2026-05-01", "2026-06-01"));
        assertRead("ALTERED", new UsageMetrics(1, 7), new UsageMetrics(4, 27));
    }

    @Test
    void comparesAllPartitionsWhereThoseOfTheWindowAreDividedInTurn() {
        roll("timestamptz");
        fixture.run(
                "drop table {s}.sends_week",
                partition("sends", "week", "2026-03-01", "2026-03-08") + " partition by list (project_id)",
                "create table {s}.sends_week_p partition of {s}.sends_week for values in ('p')");
        RollupFixture.runWorker(rollups);
        assertRead("rolled", new UsageMetrics(1, 7), UsageMetrics.ZERO);
        fixture.run(
                "create table {s}.other (like {s}.sends)",
                "insert into {s}.other values ('x', 'q', 'now', 'Success', '2026-03-05 05:05Z')",
                "alter table {s}.sends_week attach partition {s}.other for values in ('q')");
        assertRead("ALTERED", new UsageMetrics(1, 7), new UsageMetrics(1, 7));
    }
}
