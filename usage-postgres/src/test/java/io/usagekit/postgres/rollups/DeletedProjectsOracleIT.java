package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.rows.PostgresRows;
import io.usagekit.postgres.rows.RowSum;
import io.usagekit.postgres.testing.Database;
import io.usagekit.reports.ProjectUsage;
import io.usagekit.reports.UsageSeriesGranularity;
import io.usagekit.reports.UsageSeriesPoint;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

/**
 * Projects are deleted and restored at random, with their events in the same transaction, before or after it, or not at all, between roll-ups
 * and retention: each way of reading gives what is summed up here from a model of the rows.
 */
class DeletedProjectsOracleIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final int STEPS = Boolean.getBoolean("usagekit.thorough") ? 60 : 6;
    private static final int EVENTS = 150;
    private static final List<String> PROJECTS = List.of("a", "b", "c", "d");
    private static final UsageKey KEY = new UsageKey(
            "org-123",
            UsagePeriod.between(Instant.parse("2026-03-01T00:00:00Z"), Instant.parse("2026-03-17T12:00:00Z")));

    private final ManualClock clock = ManualClock.at("2026-03-17T12:00:00Z");
    private final List<Event> events = new ArrayList<>();
    private final Map<String, Instant> deleted = new HashMap<>();
    private UsageMetrics retained = UsageMetrics.ZERO;
    private UsageMetrics sent = UsageMetrics.ZERO;
    private Instant time = Instant.parse("2026-03-17T11:00:00Z");
    private String schema = "";
    private TableMapping mapping = TableMapping.gateway();

    /** An event; {@code deletedAt} is later than every instant while it isn't deleted. */
    private record Event(String id, String project, Instant createdAt, long bytes, Instant deletedAt) {

        Event deletedAt(Instant instant) {
            return new Event(id, project, createdAt, bytes, instant);
        }
    }

    @BeforeEach
    void createTables() {
        schema = Database.newSchema("kept");
        mapping = TableMapping.gateway(schema).toBuilder().keepDeletedProjects().build();
        run(
                "create schema {s}",
                "create table {s}.projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz)",
                "create table {s}.events (id varchar primary key, project_id varchar, raw text, data bytea not null default '', created_at timestamptz, deleted_at timestamptz)",
                "create table {s}.event_deliveries (id varchar primary key, project_id varchar, event_id varchar, status text, created_at timestamptz)");
    }

    @AfterEach
    void drop() {
        Database.dropSchema(schema + "_rollups");
        Database.dropSchema(schema);
    }

    private void run(String... statements) {
        for (String statement : statements) {
            Database.execute(statement.replace("{s}", Identifiers.quote(schema)));
        }
    }

    private PostgresRollups rollups(TableMapping of) {
        return PostgresRollups.builder(Database.pool())
                .mapping(of)
                .countDeletedProjects(true)
                .clock(clock)
                .build();
    }

    private void fill(Random random) {
        for (String project : PROJECTS) {
            run("insert into {s}.projects values ('" + project + "', 'org-123', null)");
        }
        for (int i = 0; i < EVENTS; i++) {
            Event event = new Event(
                    "e" + i,
                    PROJECTS.get(random.nextInt(PROJECTS.size())),
                    Instant.parse("2026-03-01T00:00:00Z").plus(random.nextLong(16 * 24 * 60), ChronoUnit.MINUTES),
                    random.nextInt(50),
                    Instant.MAX);
            events.add(event);
            run("insert into {s}.events values ('" + event.id() + "', '" + event.project() + "', '"
                    + "x".repeat(Math.toIntExact(event.bytes())) + "', '', '" + event.createdAt() + "')");
            if (random.nextInt(3) > 0) {
                run("insert into {s}.event_deliveries values ('d" + i + "', '" + event.project() + "', '" + event.id()
                        + "', 'Success', '" + event.createdAt() + "')");
                sent = sent.plus(new UsageMetrics(1, event.bytes()));
            }
        }
    }

    private Instant later() {
        time = time.plusSeconds(1);
        return time;
    }

    private boolean counts(Event event) {
        Instant project = deleted.get(event.project());
        return event.deletedAt().equals(Instant.MAX)
                || (project != null && !event.deletedAt().isBefore(project));
    }

    private UsageMetrics received() {
        UsageMetrics sum = retained;
        for (Event event : events) {
            sum = counts(event) ? sum.plus(new UsageMetrics(1, event.bytes())) : sum;
        }
        return sum;
    }

    private void deleteEvents(String project, Instant at) {
        events.replaceAll(event ->
                event.project().equals(project) && event.deletedAt().equals(Instant.MAX) ? event.deletedAt(at) : event);
        run("update {s}.events set deleted_at = '" + at + "' where project_id = '" + project
                + "' and deleted_at is null");
    }

    private void deleteProject(String project, Instant at) {
        deleted.put(project, at);
        run("update {s}.projects set deleted_at = '" + at + "' where id = '" + project + "'");
    }

    /** Does what hosts do to a project, and says what. */
    private String change(Random random) {
        String project = PROJECTS.get(random.nextInt(PROJECTS.size()));
        switch (random.nextInt(6)) {
            case 0 -> {
                Instant at = later();
                deleteProject(project, at);
                deleteEvents(project, at);
                return "deleted with its events: " + project;
            }
            case 1 -> {
                deleteProject(project, later());
                deleteEvents(project, later());
                return "deleted before its events: " + project;
            }
            case 2 -> {
                deleteEvents(project, later());
                deleteProject(project, later());
                return "deleted after its events: " + project;
            }
            case 3 -> {
                deleted.remove(project);
                run("update {s}.projects set deleted_at = null where id = '" + project + "'");
                return "restored without its events: " + project;
            }
            case 4 -> {
                deleted.remove(project);
                events.replaceAll(event -> event.project().equals(project) ? event.deletedAt(Instant.MAX) : event);
                run(
                        "update {s}.events set deleted_at = null where project_id = '" + project + "'",
                        "update {s}.projects set deleted_at = null where id = '" + project + "'");
                return "restored with its events: " + project;
            }
            default -> {
                Event event = events.get(random.nextInt(events.size()));
                Instant at = later();
                events.set(events.indexOf(event), event.deletedAt(at));
                run("update {s}.events set deleted_at = '" + at + "' where id = '" + event.id() + "'");
                return "one event deleted: " + event.id();
            }
        }
    }

    private boolean roll(PostgresRollups rollups) {
        return RollupFixture.runWorker(rollups).finished();
    }

    private void assertExact(PostgresRollups rollups, boolean retains, String when) {
        Map<String, UsageMetrics> ways = new TreeMap<>();
        OrganisationUsage usage = rollups.calculator().calculate(KEY, TIMEOUT);
        assertThat(usage.sent()).as("sent, %s", when).isEqualTo(sent);
        ways.put("calculator", usage.received());
        ways.put(
                "batch",
                Objects.requireNonNull(rollups.calculator()
                                .calculateAll(List.of(KEY), TIMEOUT)
                                .figures()
                                .get(KEY))
                        .received());
        ways.put(
                "always from roll-ups",
                new FigureComparison(Database.pool(), rollups, mapping, ProjectScope.ALL)
                        .compare(KEY)
                        .rolled()
                        .received());
        ways.put(
                "projects",
                rollups.byProject(KEY, TIMEOUT).stream()
                        .map(ProjectUsage::received)
                        .reduce(UsageMetrics.ZERO, UsageMetrics::plus));
        ways.put(
                "series",
                rollups.series(KEY, UsageSeriesGranularity.DAY, ZoneOffset.UTC, TIMEOUT).stream()
                        .map(UsageSeriesPoint::received)
                        .reduce(UsageMetrics.ZERO, UsageMetrics::plus));
        List<Long> octets = new ArrayList<>();
        RowSum sum = PostgresRows.builder(Database.pool())
                .mapping(mapping)
                .countDeletedProjects(true)
                .build()
                .readReceived(KEY, row -> octets.add(row.bytes().orElseThrow()));
        ways.put("row by row", sum.figure());
        ways.put(
                "rows, and what retention kept",
                sum.retained()
                        .usage()
                        .plus(new UsageMetrics(
                                octets.size(),
                                octets.stream().mapToLong(Long::longValue).sum())));
        assertThat(sum.retained().usage()).as("retained, %s", when).isEqualTo(retained);
        if (!retains) {
            ways.put(
                    "raw rows",
                    PostgresUsage.builder(Database.pool())
                            .mapping(mapping)
                            .countDeletedProjects(true)
                            .build()
                            .calculate(KEY, TIMEOUT)
                            .received());
        }
        UsageMetrics expected = received();
        assertThat(ways)
                .allSatisfy((way, metrics) ->
                        assertThat(metrics).as("%s, %s", way, when).isEqualTo(expected));
        assertThat(rollups.verify(new VerificationProgress() {})).as(when).isZero();
    }

    @RepeatedTest(2)
    void keepsWhatDeletedProjectsUsed() {
        long seed = Long.getLong("usagekit.seed", new Random().nextLong());
        System.out.println("DeletedProjectsOracleIT: -Dusagekit.seed=" + seed);
        Random random = new Random(seed);
        fill(random);
        PostgresRollups rollups = rollups(mapping);
        rollups.install();
        roll(rollups);
        assertExact(rollups, false, "seed " + seed + ", rolled");
        boolean retains = false;
        for (int step = 0; step < STEPS; step++) {
            String changed = change(random);
            if (step == STEPS / 2 || step == STEPS - 2) {
                Instant before = Instant.parse("2026-03-05T00:00:00Z").plus(step, ChronoUnit.HOURS);
                rollups.deleteBefore(before, new RetentionProgress() {});
                for (Event event : List.copyOf(events)) {
                    if (event.createdAt().isBefore(before)) {
                        events.remove(event);
                        retained = counts(event) ? retained.plus(new UsageMetrics(1, event.bytes())) : retained;
                    }
                }
                changed += ", and rows deleted by retention";
                retains = true;
            }
            String when = "seed " + seed + ", step " + step + ", " + changed;
            assertExact(rollups, retains, when);
            if (random.nextBoolean()) {
                roll(rollups);
                assertExact(rollups, retains, when + ", rolled");
            }
        }
    }

    /** Without the option, the events that were deleted with a project are missing, though deleted projects count. */
    @Test
    void doesNotCountEventsOfDeletedProjectsByDefault() {
        fill(new Random(1));
        Instant at = later();
        for (String project : PROJECTS) {
            deleteProject(project, at);
            deleteEvents(project, at);
        }
        TableMapping without = TableMapping.gateway(schema);
        PostgresRollups rollups = rollups(without);
        rollups.install();
        roll(rollups);
        assertThat(rollups.calculator().calculate(KEY, TIMEOUT).received()).isEqualTo(UsageMetrics.ZERO);
        assertThat(rollups(mapping).calculator().calculate(KEY, TIMEOUT).received())
                .as("the same roll-ups serve both")
                .isEqualTo(received());
    }

    @Test
    void refusesMarksThatAreNoTimes() {
        run(
                "alter table {s}.projects drop column deleted_at, add column deleted_at boolean not null default false",
                "insert into {s}.projects values ('p', 'org-123')");
        assertThatThrownBy(() -> rollups(mapping).calculator().calculate(KEY, TIMEOUT))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContaining("keepDeletedProjects compares the times")
                .hasMessageContaining("projectDeletedAt is boolean");
        assertThatThrownBy(() -> TableMapping.gateway(schema).toBuilder()
                        .withoutProjectDeletion()
                        .keepDeletedProjects()
                        .build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("keepDeletedProjects needs projectDeletedAt and eventDeletedAt");
    }
}
