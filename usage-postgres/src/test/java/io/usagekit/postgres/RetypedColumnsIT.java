package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.Sample;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Mapped columns are given another type while sessions hold statements that were prepared for the former one: each session fails once, and
 * no caller sees it.
 */
class RetypedColumnsIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(20);
    private static final int SESSIONS = 2;

    /** The driver prepares a statement at its fifth execution. */
    private static final int ENOUGH_TO_PREPARE = 6;

    private static final UsageKey MARCH = new UsageKey("7", UsagePeriod.month(YearMonth.of(2026, 3)));

    private String schema = "";
    private String s = "";
    private HikariDataSource pool = Database.newPool(SESSIONS);

    @BeforeEach
    void create() {
        schema = Database.newSchema("retyped");
        s = Identifiers.quote(schema);
        Database.execute(
                "create schema " + s,
                "create table " + s
                        + ".projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz)",
                "create table " + s
                        + ".events (id varchar primary key, project_id varchar, raw text not null default '', data bytea not null"
                        + " default '', created_at timestamptz not null, deleted_at timestamptz)",
                "create table " + s
                        + ".event_deliveries (id varchar primary key, project_id varchar, event_id varchar, status text,"
                        + " created_at timestamptz not null)",
                "insert into " + s + ".projects values ('1', '7', null)",
                "insert into " + s + ".events values ('2', '1', 'seven b', '', '2026-03-02T00:00:00Z')",
                "insert into " + s + ".event_deliveries values ('3', '1', '2', 'Success', '2026-03-02T00:00:00Z')");
    }

    @AfterEach
    void drop() {
        pool.close();
        Database.dropSchema(schema + "_rollups");
        Database.dropSchema(schema);
    }

    /** Runs in each session of the pool, so often that its statements are prepared. */
    private void inEachSession(Runnable work) throws SQLException {
        for (int session = 0; session < SESSIONS; session++) {
            List<Connection> others = new ArrayList<>();
            try {
                for (int other = 0; other < SESSIONS - 1; other++) {
                    others.add(pool.getConnection());
                }
                for (int i = 0; i < ENOUGH_TO_PREPARE; i++) {
                    work.run();
                }
            } finally {
                for (Connection other : others) {
                    other.close();
                }
            }
        }
    }

    static Stream<String> changes() {
        return Sample.of(
                List.of(
                        "projects alter organisation_id type text",
                        "projects alter organisation_id type bigint using organisation_id::bigint",
                        "projects alter organisation_id type numeric using organisation_id::numeric",
                        "projects alter id type text",
                        "projects alter deleted_at type boolean using deleted_at is not null",
                        "events alter raw drop default, alter raw type bytea using convert_to(raw, 'UTF8')",
                        "events alter id type text",
                        "events alter deleted_at type boolean using deleted_at is not null",
                        "event_deliveries alter status type varchar(20)",
                        "event_deliveries alter event_id type text"),
                3);
    }

    @ParameterizedTest
    @MethodSource("changes")
    void noCallerSeesThatStatementsWerePreparedForAnotherType(String change) throws SQLException {
        TableMapping mapping = TableMapping.gateway(schema);
        Map<String, UsageCalculator> calculators = new LinkedHashMap<>();
        calculators.put("combined query", PostgresUsage.calculator(pool, mapping));
        boolean isRolled = change.startsWith("projects");
        PostgresRollups rollups = PostgresRollups.of(pool, mapping);
        if (isRolled) {
            rollups.install();
            calculators.put("roll-ups", rollups.calculator());
        }
        List<String> wrong = new ArrayList<>();
        Runnable work = () -> calculators.forEach((name, calculator) -> {
            try {
                OrganisationUsage alone = calculator.calculate(MARCH, TIMEOUT);
                if (!alone.received().equals(new UsageMetrics(1, 7))) {
                    wrong.add(name + ": " + alone);
                }
            } catch (RuntimeException e) {
                wrong.add(name + ": " + e.getMessage());
            }
            try {
                OrganisationUsage inBatch = calculator
                        .calculateAll(List.of(MARCH), TIMEOUT)
                        .figures()
                        .get(MARCH);
                if (inBatch == null || !inBatch.sent().equals(new UsageMetrics(1, 7))) {
                    wrong.add(name + ", batch: " + inBatch);
                }
            } catch (RuntimeException e) {
                wrong.add(name + ", batch: " + e.getMessage());
            }
            if (name.equals("roll-ups")) {
                try {
                    rollups.calculateAll(MARCH.period(), TIMEOUT, each -> {});
                    rollups.byProject(MARCH, TIMEOUT);
                    rollups.status();
                } catch (RuntimeException e) {
                    wrong.add("series: " + e.getMessage());
                }
            }
        });
        inEachSession(work);
        assertThat(wrong).isEmpty();

        Database.execute("alter table " + s + "." + change);
        inEachSession(work);

        assertThat(wrong).isEmpty();
    }
}
