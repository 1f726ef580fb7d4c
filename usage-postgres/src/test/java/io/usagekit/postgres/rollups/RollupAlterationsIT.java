package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.Sample;
import io.usagekit.reports.ProjectUsage;
import io.usagekit.reports.UsageSeriesGranularity;
import io.usagekit.reports.UsageSeriesPoint;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Rows change without firing a trigger, since tables, columns or triggers have been altered: no figure is wrong, the listener is notified,
 * the status says what differs, and the worker rolls everything from scratch or refuses in words.
 */
class RollupAlterationsIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);

    /** March as far as it is over. */
    private static final UsageKey ROLLED = new UsageKey(
            "org-123",
            UsagePeriod.between(Instant.parse("2026-03-01T00:00:00Z"), Instant.parse("2026-03-17T12:00:00Z")));

    private static final String ENABLE_ALWAYS = """
            do $$
            declare t record;
            begin
                for t in select tgrelid::regclass as host_table, tgname from pg_trigger
                    where tgrelid in ('{s}.events'::regclass, '{s}.event_deliveries'::regclass) and not tgisinternal
                loop
                    execute format('alter table %s enable always trigger %I', t.host_table, t.tgname);
                end loop;
            end $$
            """;

    private final List<String> notifications = new ArrayList<>();
    private RollupFixture fixture;
    private PostgresRollups rollups;

    @BeforeEach
    void begin() {
        fixture = RollupFixture.rolled(Database.pool(), Database.newSchema("altered"));
        rollups = fixture.rollups(fixture.mapping, FigureWays.to(notifications));
    }

    @AfterEach
    void end() {
        fixture.close();
    }

    /** What a worker does with an alteration. */
    private enum Remedy {
        ROLLS_FROM_SCRATCH,
        ASKS_FOR_INSTALLATION
    }

    private static final List<Arguments> ALTERATIONS = List.of(
            arguments(
                    "triggers disabled",
                    List.of(
                            "alter table {s}.events disable trigger all",
                            "insert into {s}.events values ('x', 'p', '123', '', '2026-03-17T10:30:00Z')"),
                    new UsageMetrics(4, 24),
                    Remedy.ASKS_FOR_INSTALLATION,
                    "(D)"),
            arguments(
                    "triggers disabled and enabled again",
                    List.of(
                            "alter table {s}.events disable trigger all",
                            "insert into {s}.events values ('x', 'p', '123', '', '2026-03-17T10:30:00Z')",
                            "alter table {s}.events enable trigger all",
                            ENABLE_ALWAYS),
                    new UsageMetrics(4, 24),
                    Remedy.ROLLS_FROM_SCRATCH,
                    "altered back"),
            arguments(
                    "trigger dropped",
                    List.of(
                            "do $$ begin execute (select format('drop trigger %I on {s}.events', tgname) from"
                                    + " pg_trigger where tgrelid = '{s}.events'::regclass and tgname like"
                                    + " 'usagekit_insert%'); end $$",
                            "insert into {s}.events values ('x', 'p', '123', '', '2026-03-17T10:30:00Z')"),
                    new UsageMetrics(4, 24),
                    Remedy.ASKS_FOR_INSTALLATION,
                    "had: CREATE TRIGGER usagekit_insert"),
            arguments(
                    "table replaced by another one",
                    List.of(
                            "alter table {s}.events rename to events_old",
                            "create table {s}.events (like {s}.events_old including all)",
                            "insert into {s}.events select * from {s}.events_old where id <> 'e10'"),
                    new UsageMetrics(2, 14),
                    Remedy.ASKS_FOR_INSTALLATION,
                    "is another table"),
            arguments(
                    "table dropped and created",
                    List.of(
                            "create table {s}.saved as table {s}.events",
                            "drop table {s}.events",
                            "create table {s}.events (like {s}.saved)",
                            "insert into {s}.events select * from {s}.saved where id = 'e10'"),
                    new UsageMetrics(1, 7),
                    Remedy.ASKS_FOR_INSTALLATION,
                    "is another table"),
            arguments(
                    "column swapped in by renaming",
                    List.of(
                            "alter table {s}.events add column raw_new text not null default 'twelve bytes'",
                            "alter table {s}.events rename column raw to raw_old",
                            "alter table {s}.events rename column raw_new to raw"),
                    new UsageMetrics(3, 36),
                    Remedy.ROLLS_FROM_SCRATCH,
                    "altered back"),
            arguments(
                    "column of a trigger's condition swapped in by renaming",
                    List.of(
                            "alter table {s}.events add column created_new timestamptz not null default '2026-03-17T10:30:00Z'",
                            "alter table {s}.events rename column created_at to created_old",
                            "alter table {s}.events rename column created_new to created_at",
                            "update {s}.events set created_at = '2026-04-18T10:30:00Z' where id = 'e9'"),
                    new UsageMetrics(2, 14),
                    Remedy.ASKS_FOR_INSTALLATION,
                    "created_old"),
            arguments(
                    "values rewritten by a change of type",
                    List.of("alter table {s}.event_deliveries alter column status type varchar"
                            + " using case id when 'd9' then 'Failure' else status end"),
                    new UsageMetrics(3, 21),
                    Remedy.ASKS_FOR_INSTALLATION,
                    "column status character varying"),
            arguments(
                    "values rewritten by a change to the same type",
                    List.of("alter table {s}.event_deliveries alter column status type text"
                            + " using case id when 'd9' then 'Failure' else status end"),
                    new UsageMetrics(3, 21),
                    Remedy.ROLLS_FROM_SCRATCH,
                    "altered back"),
            arguments(
                    "watermark behind the rolled hours",
                    List.of(
                            "select setval('{r}.mark_before', -62135596800)",
                            "insert into {s}.events values ('x', 'p', '123', '', '2026-03-17T10:30:00Z')"),
                    new UsageMetrics(4, 24),
                    Remedy.ROLLS_FROM_SCRATCH,
                    "mark_before is behind"),
            arguments(
                    "trigger's function replaced",
                    List.of(
                            "create or replace function {r}.event_inserted() returns trigger language plpgsql as"
                                    + " 'begin return null; end'",
                            "insert into {s}.events values ('x', 'p', '123', '', '2026-03-17T10:30:00Z')"),
                    new UsageMetrics(4, 24),
                    Remedy.ASKS_FOR_INSTALLATION,
                    "function event_inserted"),
            arguments(
                    "trigger's function replaced, and replaced by itself",
                    List.of(
                            "create table {s}.saved as select pg_get_functiondef('{r}.event_inserted'::regproc) as definition",
                            "create or replace function {r}.event_inserted() returns trigger language plpgsql as"
                                    + " 'begin return null; end'",
                            "insert into {s}.events values ('x', 'p', '123', '', '2026-03-17T10:30:00Z')",
                            "do $$ begin execute (select definition from {s}.saved); end $$"),
                    new UsageMetrics(4, 24),
                    Remedy.ROLLS_FROM_SCRATCH,
                    "altered back"),
            arguments(
                    "table made unlogged",
                    List.of("alter table {s}.events set unlogged"),
                    new UsageMetrics(3, 21),
                    Remedy.ASKS_FOR_INSTALLATION,
                    "unlogged"));

    static Stream<Arguments> alterations() {
        return Sample.of(ALTERATIONS, 5);
    }

    private UsageMetrics received() {
        return rollups.calculator().calculate(ROLLED, TIMEOUT).received();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("alterations")
    void readsRawRowsUntilHoursAreRolledFromScratch(
            String name, List<String> statements, UsageMetrics expected, Remedy remedy, String words) {
        assertThat(received()).isEqualTo(new UsageMetrics(3, 21));
        assertThat(notifications).containsExactly("rolled");
        assertThat(rollups.status().orElseThrow().alterations()).isEmpty();
        notifications.clear();

        statements.forEach(fixture::run);
        assertThat(received()).isEqualTo(expected);
        assertThat(notifications).containsExactly("ALTERED");
        assertExactInEveryReader();
        assertThat(rollups.status().orElseThrow().alterations())
                .anySatisfy(alteration -> assertThat(alteration).contains(words));

        if (remedy == Remedy.ROLLS_FROM_SCRATCH) {
            assertThat(fixture.runWorker().finished()).isTrue();
        } else {
            assertThatThrownBy(fixture::runWorker)
                    .isInstanceOf(UsageStorageException.class)
                    .hasMessageContaining(words)
                    .hasMessageContaining("all rolled hours have been reset; call install() again");
            assertExactInEveryReader();
            fixture.run("alter table {s}.events set logged");
            rollups.install();
            assertThat(fixture.runWorker().finished()).isTrue();
        }
        notifications.clear();
        assertThat(received()).isEqualTo(expected);
        assertThat(notifications).containsExactly("rolled");
        assertExactInEveryReader();
        assertThat(rollups.status().orElseThrow().alterations()).isEmpty();

        fixture.run("insert into {s}.events values ('late', 'p', 'late', '', '2026-03-17T09:40:00Z')");
        assertExactInEveryReader();
    }

    private void assertExactInEveryReader() {
        FigureComparison.Pair pair = fixture.read();
        assertThat(pair.rolled()).isEqualTo(pair.raw());
        assertThat(rollups.byProject(ROLLED, TIMEOUT).stream()
                        .map(ProjectUsage::sent)
                        .reduce(UsageMetrics.ZERO, UsageMetrics::plus))
                .isEqualTo(pair.raw().sent());
        assertThat(rollups.series(ROLLED, UsageSeriesGranularity.DAY, ZoneOffset.UTC, TIMEOUT).stream()
                        .map(UsageSeriesPoint::received)
                        .reduce(UsageMetrics.ZERO, UsageMetrics::plus))
                .isEqualTo(pair.raw().received());
        assertThat(rollups.calculator().calculateAll(List.of(ROLLED), TIMEOUT).figures())
                .hasEntrySatisfying(
                        ROLLED,
                        figure -> assertThat(figure.received())
                                .isEqualTo(pair.raw().received()));
    }

    /** A change and its undoing in one transaction, as migrations do it. */
    @Test
    void noticesTriggersThatWereDisabledWithinOneTransaction() {
        fixture.run("begin; alter table {s}.events disable trigger all; delete from {s}.events where id = 'e9'; "
                + ENABLE_ALWAYS.strip() + "; commit");
        assertThat(received()).isEqualTo(new UsageMetrics(2, 14));
        assertThat(notifications).containsExactly("ALTERED");
        fixture.runWorker();
        assertExactInEveryReader();
    }

    /** The guards of the triggers raise no error, whatever somebody sets the sequence to. */
    @ParameterizedTest
    @ValueSource(longs = {Long.MAX_VALUE, Long.MIN_VALUE})
    void letsTheHostWriteWhateverTheSequenceIsSetTo(long value) {
        fixture.run(
                "select setval('{r}.mark_before', " + value + ")",
                "insert into {s}.events values ('x', 'p', '123', '', '2026-03-17T10:30:00Z')",
                "update {s}.event_deliveries set status = 'Failure' where id = 'd9'",
                "delete from {s}.events where id = 'e9'");
        assertThat(received()).isEqualTo(new UsageMetrics(3, 17));
        assertExactInEveryReader();
        fixture.runWorker();
        assertExactInEveryReader();
        fixture.run("insert into {s}.events values ('late', 'p', 'late', '', '2026-03-17T09:40:00Z')");
        assertExactInEveryReader();
    }

    /** What an operator does to tables every day alters nothing that roll-ups depend on. */
    @Test
    void keepsRolledHoursThroughMaintenance() {
        fixture.run(
                "vacuum full {s}.events",
                "vacuum (freeze, analyze) {s}.event_deliveries",
                "create index on {s}.events (id, raw)",
                "alter table {s}.events add column note text default 'none'",
                "alter table {s}.events set (fillfactor = 90)",
                "grant select on {s}.events to public",
                "create trigger own before insert on {s}.events for each row execute function"
                        + " suppress_redundant_updates_trigger()",
                "drop trigger own on {s}.events",
                "vacuum full pg_trigger",
                "vacuum full pg_attribute");
        assertThat(received()).isEqualTo(new UsageMetrics(3, 21));
        assertThat(notifications).containsExactly("rolled");
        assertThat(rollups.status().orElseThrow().alterations()).isEmpty();
    }

    @Test
    void refusesFiguresWherePoliciesHideRowsFromTheReader() {
        String role = Identifiers.quote(fixture.schema + "_reader");
        fixture.run(
                "create role " + role,
                "grant usage on schema {s}, {r} to " + role,
                "grant select on all tables in schema {s} to " + role,
                "grant select on all tables in schema {r} to " + role,
                "alter table {s}.events enable row level security",
                "create policy most on {s}.events using (id <> 'e10')");
        try (var pool = Database.newPool(2, config -> config.setConnectionInitSql("set role " + role))) {
            UsageCalculator calculator =
                    PostgresRollups.of(pool, fixture.mapping).calculator();
            assertThatThrownBy(() -> calculator.calculate(ROLLED, TIMEOUT))
                    .isInstanceOf(UsageCalculationException.class)
                    .hasMessageContaining("row-level security policy");
        }
        assertThat(received()).as("of a role that policies don't apply to").isEqualTo(new UsageMetrics(3, 21));
        fixture.run("drop owned by " + role, "drop role " + role);
    }
}
