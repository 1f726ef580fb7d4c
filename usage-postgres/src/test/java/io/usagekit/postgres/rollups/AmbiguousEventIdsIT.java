package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.events.EventOrder;
import io.usagekit.events.PageRequest;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.rows.PostgresRows;
import io.usagekit.postgres.testing.Database;
import io.usagekit.reports.ProjectUsage;
import io.usagekit.reports.UsageSeriesGranularity;
import io.usagekit.reports.UsageSeriesPoint;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Two events in different partitions have one id, which a key with the time in it allows. What the page on roll-ups says of their delivery:
 * it counts once or once for each; {@link PostgresRows#readSent} has it once for each, and pages refuse it. All that was received is exact.
 */
class AmbiguousEventIdsIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final UsageKey KEY = new UsageKey(
            "org-123",
            UsagePeriod.between(Instant.parse("2026-03-01T00:00:00Z"), Instant.parse("2026-03-17T12:00:00Z")));

    private String schema = "";
    private TableMapping mapping = TableMapping.gateway();

    @BeforeEach
    void create() {
        schema = Database.newSchema("ambiguous");
        mapping = TableMapping.gateway(schema);
        run(
                "create schema {s}",
                "create table {s}.projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz)",
                "create table {s}.events (id varchar, project_id varchar, raw text not null default '', data bytea not null default '',"
                        + " created_at timestamptz, deleted_at timestamptz, primary key (id, created_at)) partition by range (created_at)",
                "create table {s}.events_1 partition of {s}.events for values from ('2026-01-01Z') to ('2026-03-10Z')",
                "create table {s}.events_2 partition of {s}.events for values from ('2026-03-10Z') to ('2026-04-01Z')",
                "create table {s}.event_deliveries (id varchar primary key, project_id varchar, event_id varchar, status text,"
                        + " created_at timestamptz)",
                "insert into {s}.projects values ('p', 'org-123', null)",
                "insert into {s}.events values ('twice', 'p', 'seven b', '', '2026-03-09Z'), ('twice', 'p', 'four', '', '2026-03-11Z')",
                "insert into {s}.event_deliveries values ('d', 'p', 'twice', 'Success', '2026-03-11Z')");
    }

    private void run(String... statements) {
        for (String statement : statements) {
            Database.execute(statement.replace("{s}", Identifiers.quote(schema)));
        }
    }

    @AfterEach
    void drop() {
        Database.dropSchema(schema);
    }

    @Test
    void countsADeliveryOfTwoEventsOnceOrForEach() {
        PostgresRollups rollups = PostgresRollups.builder(Database.pool())
                .mapping(mapping)
                .clock(ManualClock.at("2026-03-17T12:00:00Z"))
                .build();
        rollups.install();
        Map<String, UsageMetrics> received = new TreeMap<>();
        Map<String, UsageMetrics> sent = new TreeMap<>();
        read("raw", PostgresUsage.calculator(Database.pool(), mapping), received, sent);
        read("not rolled", rollups.calculator(), received, sent);
        assertThat(RollupFixture.runWorker(rollups).finished()).isTrue();
        read("rolled", rollups.calculator(), received, sent);
        for (ProjectUsage project : rollups.byProject(KEY, TIMEOUT)) {
            received.put("project", project.received());
            sent.put("project", project.sent());
        }
        UsageMetrics receivedByDays = UsageMetrics.ZERO;
        UsageMetrics sentByDays = UsageMetrics.ZERO;
        for (UsageSeriesPoint point : rollups.series(KEY, UsageSeriesGranularity.DAY, ZoneOffset.UTC, TIMEOUT)) {
            receivedByDays = receivedByDays.plus(point.received());
            sentByDays = sentByDays.plus(point.sent());
        }
        received.put("days", receivedByDays);
        sent.put("days", sentByDays);

        assertThat(received)
                .hasSize(5)
                .allSatisfy((way, figure) -> assertThat(figure).as(way).isEqualTo(new UsageMetrics(2, 11)));
        assertThat(sent)
                .hasSize(8)
                .allSatisfy((way, figure) -> assertThat(figure)
                        .as(way)
                        .isIn(new UsageMetrics(1, 7), new UsageMetrics(1, 4), new UsageMetrics(2, 11)));
        PostgresRows rows = PostgresRows.of(Database.pool(), mapping);
        assertThat(rows.readReceived(KEY, row -> {}).figure()).isEqualTo(new UsageMetrics(2, 11));
        assertThat(rows.readSent(KEY, row -> {}).rows()).isEqualTo(new UsageMetrics(2, 11));
        PageRequest one = PageRequest.first(1, EventOrder.ASCENDING);
        assertThatThrownBy(() -> rows.sent(KEY, one)).hasMessageContaining("several events of one id");
        rollups.removeWithRetained();
    }

    /** Reads a figure alone and in a batch. */
    private static void read(
            String way,
            UsageCalculator calculator,
            Map<String, UsageMetrics> received,
            Map<String, UsageMetrics> sent) {
        OrganisationUsage alone = calculator.calculate(KEY, TIMEOUT);
        OrganisationUsage batched = Objects.requireNonNull(
                calculator.calculateAll(List.of(KEY), TIMEOUT).figures().get(KEY));
        assertThat(batched.received()).isEqualTo(alone.received());
        received.put(way, alone.received());
        sent.put(way, alone.sent());
        sent.put(way + " in a batch", batched.sent());
    }
}
