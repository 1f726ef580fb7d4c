package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.testing.Database;
import io.usagekit.reports.ProjectUsage;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The figures of all organisations, some of which can have none, and ids that a column takes for one. */
class RollupMonthEndIT {

    private static final UsagePeriod MARCH = UsagePeriod.parse("2026-03");
    private static final Duration TIMEOUT = Duration.ofMinutes(1);
    private static final long MOST = Long.MAX_VALUE;
    private static final String TOO_LONG = "x".repeat(UsageKey.MAX_ORGANISATION_ID_LENGTH + 1);

    private final String s = Database.newSchema("monthend");
    private final TableMapping mapping =
            TableMapping.gateway(s).toBuilder().payload().storedBytes("octets").build();
    private final PostgresRollups rollups = PostgresRollups.builder(Database.pool())
            .mapping(mapping)
            .clock(ManualClock.at("2026-04-01T12:00:00Z"))
            .build();
    private final List<OrganisationUsage> figures = new ArrayList<>();
    private final Map<String, String> failures = new LinkedHashMap<>();

    @AfterEach
    void drop() {
        rollups.remove();
        Database.dropSchema(s);
    }

    private void create(String organisationIdType) {
        Database.execute(
                "create schema " + s,
                "create table " + s + ".projects (id text primary key, organisation_id " + organisationIdType
                        + ", deleted_at timestamptz)",
                "create table " + s + ".events (id text primary key, project_id text, octets bigint,"
                        + " created_at timestamptz, deleted_at timestamptz)",
                "create table " + s + ".event_deliveries (id text primary key, project_id text, event_id text,"
                        + " status text, created_at timestamptz)");
    }

    private void addProject(String id, String organisationId, Object... octets) {
        Database.execute("insert into " + s + ".projects values ('" + id + "', '" + organisationId + "', null)");
        for (int i = 0; i < octets.length; i++) {
            Database.execute("insert into " + s + ".events values ('" + id + i + "', '" + id + "', " + octets[i]
                    + ", '2026-03-" + (10 + i) + "Z', null)");
        }
    }

    private long calculateAll() {
        figures.clear();
        failures.clear();
        return rollups.calculateAll(
                MARCH, TIMEOUT, figures::add, (organisation, why) -> failures.put(organisation, why.getMessage()));
    }

    private void roll() {
        try (RollupWorker worker = rollups.worker().build()) {
            assertThat(worker.runOnce().finished()).isTrue();
        }
    }

    @Test
    void organisationsWithoutFigureAreReportedAndOthersComputed() {
        create("text");
        addProject("a", "org-1", 10, 20);
        addProject("b", " ", 5);
        addProject("c", TOO_LONG, 5);
        addProject("d", "org-2", MOST, 1);
        addProject("e", "org-3", MOST);
        addProject("f", "org-3", 1);
        addProject("g", "org-4", 7, "null");
        addProject("h", "org-5", MOST);
        addProject("i", "org-6");
        rollups.install();
        for (String state : List.of("raw rows", "rolled")) {
            assertThat(calculateAll()).as(state).isEqualTo(3);
            assertThat(figures)
                    .as(state)
                    .extracting(OrganisationUsage::organisationId, OrganisationUsage::received)
                    .containsExactly(
                            tuple("org-1", new UsageMetrics(2, 30)),
                            tuple("org-5", new UsageMetrics(1, MOST)),
                            tuple("org-6", UsageMetrics.ZERO));
            assertThat(failures.keySet()).as(state).containsExactly(" ", "org-2", "org-3", "org-4", TOO_LONG);
            assertThat(failures.get(" ")).contains("organisationId must not be blank");
            assertThat(failures.get(TOO_LONG)).contains("organisationId must have at most 255 characters, but has 256");
            assertThat(failures.get("org-2")).contains("the received bytes of the project d exceed " + MOST);
            assertThat(failures.get("org-3")).contains("the sums of its projects exceed " + MOST);
            assertThat(failures.get("org-4")).contains("1 rows of the project g have no size");
            roll();
        }
    }

    @Test
    void withoutReceiverOfFailuresTheyAreThrownAfterAllOthers() {
        create("text");
        addProject("a", "org-1", 10);
        addProject("b", " ", 5);
        addProject("c", "org-2", MOST, 1);
        addProject("d", "org-3", 30);
        rollups.install();
        assertThatThrownBy(() -> rollups.calculateAll(MARCH, TIMEOUT, figures::add))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageStartingWith("2 of 4 organisations have no figure of 2026-03; the others have been computed."
                        + " the organisation \" \" has no figure: ")
                .satisfies(e -> assertThat(e.getSuppressed()).hasSize(1));
        assertThat(figures).extracting(OrganisationUsage::organisationId).containsExactly("org-1", "org-3");
    }

    @Test
    void idsThatTheColumnTakesForOneAreOneOrganisation() {
        Database.execute("create extension if not exists citext schema public");
        for (String type : List.of("char(12)", "numeric", "public.citext", "text collate \"" + s + "\".blind")) {
            Database.execute("drop schema if exists " + s + " cascade");
            // A session keeps the type that a parameter of a prepared statement had with the former column.
            ((HikariDataSource) Database.pool()).getHikariPoolMXBean().softEvictConnections();
            create("text");
            Database.execute(
                    "create collation " + s
                            + ".blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
                    "alter table " + s + ".projects alter organisation_id type " + type.replace("\"" + s + "\"", s)
                            + " using organisation_id::" + type.replaceAll(" collate.*", ""));
            boolean isNumber = type.equals("numeric");
            addProject("a", isNumber ? "42" : "ORG-1", 10);
            addProject("b", isNumber ? "42.0" : type.startsWith("char") ? "ORG-1  " : "org-1", 20);
            addProject("c", isNumber ? "43" : "org-2", 40);
            rollups.install();
            assertThat(calculateAll()).as(type).isEqualTo(2);
            assertThat(failures).isEmpty();
            UsageCalculator combined = PostgresUsage.calculator(Database.pool(), mapping);
            for (OrganisationUsage usage : figures) {
                UsageKey key = usage.key();
                for (UsageCalculator calculator : List.of(combined, rollups.calculator())) {
                    assertThat(calculator.calculate(key, TIMEOUT).received())
                            .as("%s of %s", key, type)
                            .isEqualTo(usage.received());
                    assertThat(calculator
                                    .calculateAll(List.of(key), TIMEOUT)
                                    .figures()
                                    .get(key))
                            .as("%s of %s in a batch", key, type)
                            .extracting(OrganisationUsage::received)
                            .isEqualTo(usage.received());
                }
                assertThat(rollups.byProject(key, TIMEOUT).stream()
                                .map(ProjectUsage::received)
                                .reduce(UsageMetrics.ZERO, UsageMetrics::plus))
                        .as("%s of %s by project", key, type)
                        .isEqualTo(usage.received());
            }
            assertThat(figures).extracting(OrganisationUsage::received).contains(new UsageMetrics(2, 30));
            rollups.remove();
        }
    }
}
