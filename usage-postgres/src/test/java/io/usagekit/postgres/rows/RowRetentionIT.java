package io.usagekit.postgres.rows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageStorageException;
import io.usagekit.events.EventOrder;
import io.usagekit.events.PageRequest;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.HostTables;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.YearMonth;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Rows that retention has deleted: each page and each sum says which part of the figure they were. */
class RowRetentionIT {

    private static final UsageKey MARCH = new UsageKey("org", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final PageRequest FIRST = PageRequest.first(3, EventOrder.ASCENDING);

    private static final class Gateway extends HostTables {
        Gateway() {
            super(Database.pool(), Database.newSchema("kept"));
            run(
                    "create schema {s}",
                    "create table {s}.projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz)",
                    "create table {s}.events (id varchar primary key, project_id varchar, raw text, data bytea, created_at timestamptz, deleted_at timestamptz)",
                    "create table {s}.event_deliveries (id varchar primary key, project_id varchar, event_id varchar, status text, created_at timestamptz)",
                    "insert into {s}.projects values ('p', 'org', null)",
                    // An event of ten octets at noon of each day, and its delivery a day later.
                    "insert into {s}.events select 'e' || n, 'p', repeat('x', 10), null, timestamptz '2026-02-28 12:00Z' + n * interval '1 day', null from generate_series(1, 31) n",
                    "insert into {s}.event_deliveries select 'd' || n, 'p', 'e' || n, 'Success', timestamptz '2026-03-01 12:07Z' + n * interval '1 day' from generate_series(1, 30) n");
        }
    }

    private Gateway tables;
    private TableMapping mapping = TableMapping.usagekit();
    private PostgresRollups rollups;
    private PostgresRows behind;

    @BeforeEach
    void create() {
        tables = new Gateway();
        mapping = TableMapping.gateway(tables.schema);
        rollups = PostgresRollups.of(Database.pool(), mapping);
        behind = PostgresRows.of(Database.pool(), mapping);
    }

    @AfterEach
    void drop() {
        rollups.removeWithRetained();
        Database.dropSchema(tables.schema);
    }

    @Test
    void nothingIsMissingWithoutRetention() {
        assertThat(behind.received(MARCH, FIRST).retained()).isEqualTo(RetainedUsage.NONE);
        rollups.install();
        assertThat(behind.received(MARCH, FIRST).retained()).isEqualTo(RetainedUsage.NONE);
        assertThat(behind.readSent(MARCH, row -> {}).figure()).isEqualTo(new UsageMetrics(30, 300));
    }

    @Test
    void pagesSayWhichPartOfTheFigureHasNoRows() {
        retain();
        OrganisationUsage figure = rollups.calculator().calculate(MARCH, Duration.ofSeconds(30));
        RowPage<ReceivedRow> received = behind.received(MARCH, FIRST);
        RowPage<SentRow> sent = behind.sent(MARCH, FIRST);

        assertThat(received.rows()).extracting(ReceivedRow::eventId).containsExactly("e9", "e10", "e11");
        assertThat(received.retained())
                .isEqualTo(new RetainedUsage(
                        new UsageMetrics(8, 80), // that of the 9th was delivered on the 10th, and stays
                        Optional.of(Instant.parse("2026-03-01T12:00:00Z")),
                        Optional.of(Instant.parse("2026-03-08T12:15:00Z")),
                        false));
        assertThat(sent.rows()).extracting(SentRow::deliveryId).containsExactly("d9", "d10", "d11");
        assertThat(sent.retained())
                .isEqualTo(new RetainedUsage(
                        new UsageMetrics(8, 80),
                        Optional.of(Instant.parse("2026-03-02T12:00:00Z")),
                        Optional.of(Instant.parse("2026-03-09T12:15:00Z")),
                        false));
        assertThat(behind.readReceived(MARCH, row -> {}).figure()).isEqualTo(figure.received());
        assertThat(behind.readSent(MARCH, row -> {}).figure()).isEqualTo(figure.sent());
        assertThat(figure.received()).isEqualTo(new UsageMetrics(31, 310));
    }

    @Test
    void saysThatAPeriodCutsAQuarterOfWhichOnlyTheSumIsKnown() {
        retain();
        UsageKey cut = new UsageKey(
                "org",
                UsagePeriod.between(Instant.parse("2026-03-04T12:03:00Z"), Instant.parse("2026-03-20T00:00:00Z")));
        assertThat(behind.received(cut, FIRST).retained().cut()).isTrue();
        UsageKey later = new UsageKey("org", UsagePeriod.day(LocalDate.of(2026, 3, 25)));
        assertThat(behind.received(later, FIRST).retained()).isEqualTo(RetainedUsage.NONE);
        assertThat(behind.received(later, FIRST).retained().isAny()).isFalse();
    }

    @Test
    void readsRetainedSumsOfRollupsInAnotherSchema() {
        PostgresRollups other = PostgresRollups.builder(Database.pool())
                .mapping(mapping)
                .schema(tables.schema + "_sums")
                .build();
        other.install();
        other.deleteBefore(Instant.parse("2026-03-10T00:00:00Z"), new RetentionProgress() {});
        PostgresRows there = PostgresRows.builder(Database.pool())
                .mapping(mapping)
                .rollups(other.schema())
                .build();
        assertThat(there.readReceived(MARCH, row -> {}).figure()).isEqualTo(new UsageMetrics(31, 310));
        other.removeWithRetained();
    }

    @Test
    void saysThatRetainedSumsCantBeRead() {
        retain();
        String role = tables.schema + "_reader";
        tables.run(
                "create role \"" + role + "\"",
                "grant usage on schema {s} to \"" + role + "\"",
                "grant select on all tables in schema {s} to \"" + role + "\"");
        try (HikariDataSource asReader =
                Database.newPool(1, pool -> pool.setConnectionInitSql("set role \"" + role + "\""))) {
            assertThatThrownBy(() -> PostgresRows.of(asReader, mapping).received(MARCH, FIRST))
                    .isInstanceOf(UsageStorageException.class)
                    .hasMessageContainingAll(
                            "\"" + rollups.schema() + "\"",
                            "retention has deleted",
                            "SELECT on its tables retained and state");
            tables.run(
                    "grant usage on schema \"" + rollups.schema() + "\" to \"" + role + "\"",
                    "grant select on \"" + rollups.schema() + "\".retained to \"" + role + "\"");
            assertThatThrownBy(() -> PostgresRows.of(asReader, mapping).received(MARCH, FIRST))
                    .hasMessageContaining("retained and state");
            tables.run("grant select on \"" + rollups.schema() + "\".state to \"" + role + "\"");
            assertThat(PostgresRows.of(asReader, mapping)
                            .received(MARCH, FIRST)
                            .retained()
                            .usage())
                    .isEqualTo(new UsageMetrics(8, 80));
        } finally {
            tables.run("drop owned by \"" + role + "\"", "drop role \"" + role + "\"");
        }
    }

    @Test
    void refusesRowsThatARestoreHasBroughtBack() {
        tables.run("create table {s}.dump as table {s}.events");
        retain();
        tables.run("drop table {s}.events", "alter table {s}.dump rename to events");
        assertThatThrownBy(() -> rollups.calculator().calculate(MARCH, Duration.ofSeconds(30)))
                .hasMessageContaining("would count twice");
        assertRefused(behind, "would count twice");
        rollups.acceptRetained();
        assertThat(behind.readReceived(MARCH, row -> {}).figure().volume()).isEqualTo(31 + 8);
    }

    @Test
    void refusesRowsWhoseRetainedSumsOtherRollupsHold() {
        retain();
        tables.run("alter schema {s} rename to \"" + tables.schema + "_moved\"");
        try {
            PostgresRows moved = PostgresRows.of(Database.pool(), TableMapping.gateway(tables.schema + "_moved"));
            assertRefused(moved, "triggers of roll-ups in the schema \"" + rollups.schema() + "\"", "call install()");
        } finally {
            tables.run("alter schema \"" + tables.schema + "_moved\" rename to {s}");
        }
        assertThat(behind.readReceived(MARCH, row -> {}).figure().volume()).isEqualTo(31);
    }

    @Test
    void refusesRowsWhoseRetainedSumsAreOfAMissingProject() {
        retain();
        tables.run(
                "update {s}.projects set id = 'renamed'",
                "update {s}.events set project_id = 'renamed'",
                "update {s}.event_deliveries set project_id = 'renamed'");
        assertThatThrownBy(() -> rollups.calculator().calculate(MARCH, Duration.ofSeconds(30)))
                .hasMessageContaining("sums of the project \"p\"");
        assertRefused(behind, "sums of the project \"p\"", "moveRetained");

        PostgresRollups omitting = PostgresRollups.builder(Database.pool())
                .mapping(mapping)
                .omitMissingProjects()
                .build();
        PostgresRows without = PostgresRows.builder(Database.pool())
                .mapping(mapping)
                .rollups(omitting)
                .build();
        assertThat(without.readReceived(MARCH, row -> {}).figure().volume()).isEqualTo(31 - 8);
        rollups.moveRetained("p", "renamed");
        assertThat(behind.readReceived(MARCH, row -> {}).figure().volume()).isEqualTo(31);
    }

    private static void assertRefused(PostgresRows rows, String... words) {
        assertThatThrownBy(() -> rows.received(MARCH, FIRST))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("the rows behind the figure of \"org\" in 2026-03 can't be read")
                .hasMessageContainingAll(words);
        assertThatThrownBy(() -> rows.readSent(MARCH, row -> {}))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContainingAll(words);
    }

    private void retain() {
        rollups.install();
        rollups.deleteBefore(Instant.parse("2026-03-10T00:00:00Z"), new RetentionProgress() {});
    }
}
