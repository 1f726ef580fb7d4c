package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.testing.Database;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Sizes in generated columns: what each version of PostgreSQL has of them. */
class GeneratedColumnsIT {

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
        try (RollupWorker worker = rollups.worker().settle(Duration.ZERO).build()) {
            worker.runOnce();
        }
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
}
