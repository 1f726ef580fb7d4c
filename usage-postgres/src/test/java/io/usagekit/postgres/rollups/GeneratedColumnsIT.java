package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.testing.Database;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Sizes in generated columns: what each version of PostgreSQL has of them. */
class GeneratedColumnsIT {

    /** March as far as it is over, of which all hours are rolled. */
    private static final UsageKey OVER = new UsageKey(
            "org-123",
            UsagePeriod.between(Instant.parse("2026-03-01T00:00:00Z"), Instant.parse("2026-03-17T12:00:00Z")));

    private final RollupFixture fixture = RollupFixture.tables(Database.pool(), Database.newSchema("generated"));
    private final TableMapping mapping =
            fixture.mapping.toBuilder().payload().storedBytes("size").build();
    private final PostgresRollups rollups = PostgresRollups.builder(Database.pool())
            .mapping(mapping)
            .clock(fixture.clock)
            .build();

    @AfterEach
    void end() {
        rollups.removeWithRetained();
        fixture.close();
    }

    private static void require(int version, String what) {
        String installed = Database.query("show server_version");
        assumeTrue(Integer.parseInt(Database.query("show server_version_num")) >= version * 10_000, () -> {
            String why = "PostgreSQL " + installed + " has no " + what + "; .ci/run tests them on " + version;
            System.out.println("SKIPPED a test of GeneratedColumnsIT: " + why);
            return why;
        });
    }

    private FigureComparison.Pair read() {
        return new FigureComparison(Database.pool(), rollups, mapping).compare(RollupFixture.MARCH);
    }

    private void runWorker() {
        RollupFixture.runWorker(rollups);
    }

    /** They are null in triggers. */
    @Test
    void refusesVirtualSizes() {
        require(18, "virtual generated columns");
        fixture.run(
                "alter table {s}.events add size bigint generated always as (octet_length(raw)) virtual",
                "insert into {s}.events (id, project_id, raw, data, created_at) values ('e', 'p', 'seven b', '', '2026-03-17T09:00:00Z')");

        assertThatThrownBy(rollups::install)
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("can't be installed")
                .hasMessageContaining("size")
                .hasMessageContaining("virtual");
        assertThat(rollups.status()).isEmpty();
        assertThat(rollups.calculator()
                        .calculate(RollupFixture.MARCH, Duration.ofSeconds(30))
                        .received()
                        .bytes())
                .as("the combined query reads it")
                .isEqualTo(7);
    }

    @Test
    void noticesAnotherExpression() {
        require(17, "SET EXPRESSION");
        fixture.run("alter table {s}.events add size bigint generated always as (octet_length(raw)) stored");
        rollups.install();
        fixture.run(
                "insert into {s}.events (id, project_id, raw, data, created_at) values ('e', 'p', 'seven b', '', '2026-03-17T09:00:00Z')");
        runWorker();
        assertThat(read().rolled().received().bytes()).isEqualTo(7);

        fixture.run("alter table {s}.events alter column size set expression as (10 * octet_length(raw))");

        assertThat(rollups.calculator()
                        .calculate(RollupFixture.MARCH, Duration.ofSeconds(30))
                        .received()
                        .bytes())
                .isEqualTo(70);
        assertThat(rollups.status().orElseThrow().alterations()).isNotEmpty();
        rollups.install();
        runWorker();
        assertThat(read().rolled().received().bytes()).isEqualTo(70);
        assertThat(rollups.status().orElseThrow().alterations()).isEmpty();
    }

    /** A status that triggers would receive as null, so that they would mark no change of it. */
    @Test
    void refusesVirtualColumnsOfDeliveries() {
        require(18, "virtual generated columns");
        fixture.run(
                "alter table {s}.event_deliveries rename column status to code",
                "alter table {s}.event_deliveries add status text generated always as"
                        + " (case code when '200' then 'Success' else 'Failure' end) virtual");

        assertThatThrownBy(fixture.rollups::install)
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("can't be installed")
                .hasMessageContaining("the column status of")
                .hasMessageContaining("event_deliveries is a virtual generated one");
        assertThat(fixture.rollups.status()).isEmpty();
    }

    /** The payload of one partition's events is generated in another way, which rewrites it without a trigger. */
    @Test
    void noticesAnotherExpressionOfAPartition() {
        require(17, "SET EXPRESSION");
        fixture.run(
                "drop table {s}.events",
                "create table {s}.events (id varchar, project_id varchar, raw text, created_at timestamptz, deleted_at timestamptz,"
                        + " body text generated always as (raw) stored) partition by range (created_at)",
                "create table {s}.events_march partition of {s}.events for values from ('2026-03-01Z') to ('2026-04-01Z')");
        PostgresRollups ofBodies = PostgresRollups.builder(Database.pool())
                .mapping(fixture.mapping.toBuilder().payload("body").build())
                .clock(fixture.clock)
                .build();
        ofBodies.install();
        fixture.run(
                "insert into {s}.events (id, project_id, raw, created_at) values ('e', 'p', 'seven b', '2026-03-17T09:00:00Z')");
        RollupFixture.runWorker(ofBodies);
        assertThat(octets(ofBodies)).isEqualTo(7);

        fixture.run("alter table {s}.events_march alter column body set expression as (raw || raw)");

        assertThat(octets(ofBodies)).isEqualTo(14);
        assertThat(ofBodies.status().orElseThrow().alterations())
                .anySatisfy(alteration -> assertThat(alteration).contains("generates a mapped column in another way"));
        assertThatThrownBy(() -> RollupFixture.runWorker(ofBodies)).hasMessageContaining("call install() again");
        ofBodies.install();
        RollupFixture.runWorker(ofBodies);
        assertThat(octets(ofBodies)).isEqualTo(14);
        assertThat(ofBodies.status().orElseThrow().alterations()).isEmpty();
    }

    private static long octets(PostgresRollups of) {
        return of.calculator()
                .calculate(OVER, Duration.ofSeconds(30))
                .received()
                .bytes();
    }
}
