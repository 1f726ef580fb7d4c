package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.testing.Database;
import io.usagekit.reports.UsageSeriesGranularity;
import java.time.Instant;
import java.time.YearMonth;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Projects that are renamed, merged or deleted after retention: no figure is less than it was without a word. */
class RollupProjectChangesIT {

    private static final String BEFORE = "2026-03-10T10:10:10Z";
    private static final String REMEDY = "call moveRetained with both ids (usage rollups move-retained)";

    private RestoreFixture fixture;

    @BeforeEach
    void begin() {
        fixture = RestoreFixture.create(Database.pool());
    }

    @AfterEach
    void end() {
        fixture.close();
    }

    private void move(String from, String to) {
        fixture.write(
                fixture.schema,
                "update {s}.events set project_id = '" + to + "' where project_id = '" + from + "'",
                "update {s}.event_deliveries set project_id = '" + to + "' where project_id = '" + from + "'");
    }

    private void merge(String from, String to) {
        move(from, to);
        fixture.write(fixture.schema, "delete from {s}.projects where id = '" + from + "'");
    }

    /** Checks that no reader has a figure. */
    private void assertRefusedByAll(PostgresRollups rollups, String project) {
        String[] words = {"\"" + project + "\"", "renamed or merged", REMEDY};
        fixture.assertRefused(rollups, words);
        assertThatThrownBy(() -> rollups.series(
                        RestoreFixture.MARCH, UsageSeriesGranularity.DAY, ZoneOffset.UTC, RestoreFixture.TIMEOUT))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContainingAll(words);
        assertThatThrownBy(() -> rollups.byProject(RestoreFixture.MARCH, RestoreFixture.TIMEOUT))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContainingAll(words);
        Map<String, String> failed = new TreeMap<>();
        rollups.calculateAll(
                RestoreFixture.MARCH.period(),
                RestoreFixture.TIMEOUT,
                each -> failed.put(each.key().organisationId(), "has a figure"),
                (organisation, why) -> failed.put(organisation, String.valueOf(why.getMessage())));
        assertThat(failed.get("org-123")).contains(words);
        failed.remove("org-123");
        assertThat(failed.values()).allMatch("has a figure"::equals);
    }

    @Test
    void refusesFiguresOfARenamedProjectUntilItsSumsAreMoved() {
        PostgresRollups rollups = fixture.install(BEFORE);
        fixture.write(fixture.schema, "insert into {s}.projects values ('s', 'another', null)");
        move("p", "r");
        fixture.write(fixture.schema, "update {s}.projects set id = 'r' where id = 'p'");

        assertRefusedByAll(rollups, "p");
        fixture.roll(rollups);
        assertRefusedByAll(rollups, "p");
        rollups.moveRetained("p", "r");

        fixture.assertExact(rollups, "rolled");
        fixture.roll(rollups);
        fixture.assertRolled(rollups);
        fixture.write(fixture.schema, "delete from {s}.projects where id = 'r'");
        assertRefusedByAll(rollups, "r");
    }

    @Test
    void refusesFiguresOfMergedProjectsUntilTheirSumsAreMoved() {
        PostgresRollups rollups = fixture.install(BEFORE);
        merge("q", "p");

        assertRefusedByAll(rollups, "q");
        rollups.moveRetained("q", "p");

        fixture.roll(rollups);
        fixture.assertRolled(rollups);
        rollups.deleteBefore(Instant.parse("2026-03-12T00:00:00Z"), new RetentionProgress() {});
        fixture.roll(rollups);
        fixture.assertRolled(rollups);
    }

    /** The combined query and its retained sums are refused as well. */
    @Test
    void refusesFiguresFromRawRows() {
        PostgresRollups rollups = fixture.install(BEFORE);
        fixture.run("alter table {s}.events disable trigger all", "alter table {s}.events enable trigger all");
        fixture.assertExact(rollups, "ALTERED");
        merge("q", "p");

        fixture.assertRefused(rollups, "\"q\"", REMEDY);
        rollups.moveRetained("q", "p");

        fixture.assertExact(rollups, "ALTERED");
    }

    /** As raw figures do, once the operator has said that it was deleted. */
    @Test
    void leavesOutDeletedProjectsOnRequest() {
        PostgresRollups rollups = fixture.install(BEFORE);
        fixture.write(
                fixture.schema,
                "delete from {s}.event_deliveries where project_id = 'q'",
                "delete from {s}.events where project_id = 'q'",
                "delete from {s}.projects where id = 'q'");
        assertRefusedByAll(rollups, "q");

        rollups.omitRetained("q");

        fixture.roll(rollups);
        fixture.assertRolled(rollups);
        fixture.run("insert into {s}.projects values ('q', 'org-123', null)");
        assertThat(rollups.byProject(RestoreFixture.MARCH, RestoreFixture.TIMEOUT))
                .as("its sums are still there")
                .anySatisfy(project -> {
                    assertThat(project.projectId()).isEqualTo("q");
                    assertThat(project.received()).isNotEqualTo(UsageMetrics.ZERO);
                });
    }

    @Test
    void leavesOutMissingProjectsOfHostsThatDeleteThem() {
        fixture.install(BEFORE);
        fixture.write(
                fixture.schema,
                "delete from {s}.event_deliveries where project_id = 'q'",
                "delete from {s}.events where project_id = 'q'",
                "delete from {s}.projects where id = 'q'");
        PostgresRollups omitting = PostgresRollups.builder(Database.pool())
                .mapping(TableMapping.gateway(fixture.schema))
                .clock(fixture.clock)
                .omitMissingProjects()
                .build();

        assertThat(omitting.calculator()
                        .calculate(RestoreFixture.MARCH, RestoreFixture.TIMEOUT)
                        .received())
                .isEqualTo(fixture.expected().received());
        List<OrganisationUsage> all = new ArrayList<>();
        omitting.calculateAll(RestoreFixture.MARCH.period(), RestoreFixture.TIMEOUT, all::add);
        assertThat(all)
                .singleElement()
                .satisfies(usage ->
                        assertThat(usage.sent()).isEqualTo(fixture.expected().sent()));
        fixture.run("alter table {s}.events disable trigger all");
        assertThat(omitting.calculator()
                        .calculateAll(List.of(RestoreFixture.MARCH), RestoreFixture.TIMEOUT)
                        .figures())
                .containsOnlyKeys(RestoreFixture.MARCH);
    }

    @Test
    void hasFiguresOfOtherTimesAndOrganisations() {
        PostgresRollups rollups = fixture.install("2026-02-10T00:00:00Z");
        fixture.write(fixture.schema, "insert into {s}.projects values ('s', 'another', null)");
        merge("q", "p");

        fixture.assertExact(rollups, "rolled");
        UsagePeriod february = UsagePeriod.month(YearMonth.of(2026, 2));
        Map<UsageKey, ?> failures = rollups.calculator()
                .calculateAll(
                        List.of(
                                RestoreFixture.MARCH,
                                new UsageKey("another", february),
                                new UsageKey("org-123", february)),
                        RestoreFixture.TIMEOUT)
                .failures();
        assertThat(failures).containsOnlyKeys(new UsageKey("org-123", february));
    }

    /** Retained sums from before the library recorded whose they are. */
    @Test
    void recordsAtInstallWhoseProjectsAre() {
        PostgresRollups rollups = fixture.install(BEFORE);
        fixture.run("delete from {r}.retained where quarter = '-infinity'", "update {r}.state set version = 0");
        rollups.install();
        merge("q", "p");

        fixture.assertRefused(rollups, "\"q\"", REMEDY);
    }

    @Test
    void listsMissingProjectsInItsStatus() {
        PostgresRollups rollups = fixture.install(BEFORE);
        assertThat(missingProjects(rollups)).isEmpty();
        merge("q", "p");

        assertThat(missingProjects(rollups))
                .containsExactly(new RollupStatus.MissingProject("q", Optional.of("org-123")));
        PostgresRollups omitting = PostgresRollups.builder(Database.pool())
                .mapping(TableMapping.gateway(fixture.schema))
                .omitMissingProjects()
                .build();
        assertThat(missingProjects(omitting)).isEmpty();
        rollups.moveRetained("q", "p");
        assertThat(missingProjects(rollups)).isEmpty();
    }

    /** Retained sums of a project that was missing before the library recorded whose projects are. */
    @Test
    void listsMissingProjectsOfWhichNobodyKnowsWhoseTheyWere() {
        PostgresRollups rollups = fixture.install(BEFORE);
        fixture.run("delete from {r}.retained where quarter = '-infinity'", "update {r}.state set version = 0");
        merge("q", "p");
        rollups.install();

        assertThat(missingProjects(rollups)).containsExactly(new RollupStatus.MissingProject("q", Optional.empty()));
        rollups.omitRetained("q");
        assertThat(missingProjects(rollups)).isEmpty();
        rollups.moveRetained("q", "p");
        fixture.roll(rollups);
        fixture.assertRolled(rollups);
    }

    private static List<RollupStatus.MissingProject> missingProjects(PostgresRollups rollups) {
        return rollups.status().orElseThrow().missingProjects();
    }

    /** A project that has passed on to another organisation is missed there. */
    @Test
    void recordsAtRetentionWhoseProjectsAreNow() {
        PostgresRollups rollups = fixture.install(BEFORE);
        fixture.run("update {s}.projects set organisation_id = 'another' where id = 'q'");
        rollups.deleteBefore(Instant.parse(BEFORE), new RetentionProgress() {});
        fixture.run("delete from {s}.projects where id = 'q'");

        assertThat(rollups.calculator().calculate(RestoreFixture.MARCH, RestoreFixture.TIMEOUT))
                .isNotNull();
        UsageKey another = new UsageKey("another", RestoreFixture.MARCH.period());
        assertThatThrownBy(() -> rollups.calculator().calculate(another, RestoreFixture.TIMEOUT))
                .hasMessageContaining("\"q\"");
    }

    /** Whose a project was is found however its organisation's id is written, also after the column was given another type. */
    @ParameterizedTest
    @CsvSource({"bigint, 007", "'numeric(9,2)', 7", "char(9), 7", "text, 7"})
    void refusesFiguresUnderEachSpellingOfTheOrganisation(String type, String asked) {
        fixture.run("update {s}.projects set organisation_id = '7'");
        PostgresRollups rollups = fixture.rollups();
        rollups.install();
        fixture.roll(rollups);
        rollups.deleteBefore(Instant.parse("2026-03-05T00:00:00Z"), new RetentionProgress() {});
        fixture.run("alter table {s}.projects alter organisation_id type " + type + " using organisation_id::" + type);
        rollups.deleteBefore(Instant.parse(BEFORE), new RetentionProgress() {});
        UsageKey key = new UsageKey(asked, RestoreFixture.MARCH.period());
        assertThat(rollups.calculator().calculate(key, RestoreFixture.TIMEOUT).received())
                .isEqualTo(fixture.expected().received());
        fixture.run("delete from {s}.projects where id = 'q'");

        assertThatThrownBy(() -> rollups.calculator().calculate(key, RestoreFixture.TIMEOUT))
                .hasMessageContaining("\"q\"");
        assertThat(rollups.calculator()
                        .calculateAll(List.of(key), RestoreFixture.TIMEOUT)
                        .failures())
                .containsOnlyKeys(key);
        assertThatThrownBy(() -> rollups.byProject(key, RestoreFixture.TIMEOUT)).hasMessageContaining("\"q\"");
        List<String> failed = new ArrayList<>();
        assertThat(rollups.calculateAll(
                        key.period(),
                        RestoreFixture.TIMEOUT,
                        each -> {},
                        (organisation, why) -> failed.add(organisation)))
                .as("those that have a figure")
                .isZero();
        assertThat(failed).hasSize(1);
    }

    @Test
    void refusesToMoveSumsThatCount() {
        PostgresRollups rollups = fixture.install(BEFORE);
        fixture.run("insert into {s}.projects values ('empty', 'org-123', null)");
        assertThatThrownBy(() -> rollups.moveRetained("q", "p"))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContainingAll("\"q\"", "has that project, so that they count");
        assertThatThrownBy(() -> rollups.omitRetained("q")).hasMessageContaining("has that project");
        assertThatThrownBy(() -> rollups.omitRetained("unknown"))
                .hasMessageContainingAll("\"unknown\"", "there are none in the schema");
        fixture.run("delete from {s}.projects where id = 'q'");
        assertThatThrownBy(() -> rollups.moveRetained("q", "unknown"))
                .hasMessageContainingAll("\"q\"", "\"unknown\"", "has no such project");
        rollups.moveRetained("q", "empty");
        assertThatThrownBy(() -> rollups.moveRetained("q", "p")).hasMessageContaining("there are none");
    }
}
