package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.NewEvent;
import io.usagekit.postgres.events.PostgresLedger;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.Operations;
import java.io.OutputStream;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Limits of a session, as a role or a database sets them, end nothing that the library does, and its policies hide nothing. */
class SessionLimitsIT {

    private static final Duration LIMIT = Duration.ofMillis(200);
    private static final Duration LONGER = LIMIT.multipliedBy(3);
    private static final UsageKey KEY = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));

    private final String schema = Database.newSchema("limits");

    @AfterEach
    void drop() {
        Database.dropSchema(schema);
        Database.dropSchema(schema + "_rollups");
        Database.dropSchema(schema + "_partitions");
    }

    private static List<String> limits() {
        boolean limitsTransactions = Integer.parseInt(Database.query("show server_version_num")) >= 170_000;
        return limitsTransactions
                ? List.of("lock_timeout", "idle_in_transaction_session_timeout", "transaction_timeout")
                : List.of("lock_timeout", "idle_in_transaction_session_timeout");
    }

    /** Connections with these limits. */
    private static HikariDataSource limited(int size) {
        StringBuilder settings = new StringBuilder("set default_transaction_read_only = on");
        limits().forEach(limit ->
                settings.append("; set ").append(limit).append(" = ").append(LIMIT.toMillis()));
        return Database.newPool(size, config -> config.setConnectionInitSql(settings.toString()));
    }

    private String table(String name) {
        return Identifiers.qualified(schema, name);
    }

    private static void pause() {
        LockSupport.parkNanos(LONGER.toNanos());
    }

    @Test
    void runsEveryOperation() {
        try (HikariDataSource pool = limited(3)) {
            Operations.on(schema).forEach((name, operation) -> operation.accept(pool));
        }
    }

    @Test
    void buildsIndexesBehindAnOlderTransaction() throws Exception {
        PostgresUsage.install(Database.pool(), schema);
        List<String> indexes = Database.column(
                "select quote_ident(indexname) from pg_indexes where schemaname = ? and indexname like '%\\_usage\\_%'",
                schema);
        indexes.forEach(index -> Database.execute("drop index " + Identifiers.quote(schema) + "." + index));
        try (HikariDataSource pool = limited(1);
                Connection older = Database.pool().getConnection();
                Statement statement = older.createStatement()) {
            older.setAutoCommit(false);
            statement.execute("insert into " + table("projects") + " (id, organisation_id) values ('p', 'org-123')");
            statement.execute("insert into " + table("events") + " (id, project_id) values ('e', 'p')");
            CompletableFuture<Void> build =
                    CompletableFuture.runAsync(() -> PostgresUsage.installIndexes(pool, TableMapping.usagekit(schema)));
            pause();
            assertThat(build).as("waits for the older transaction").isNotDone();
            older.commit();
            older.setAutoCommit(true);
            build.get(60, TimeUnit.SECONDS);
        }
        assertThat(Database.column(
                        "select quote_ident(c.relname) from pg_index i join pg_class c on c.oid = i.indexrelid"
                                + " join pg_namespace n on n.oid = c.relnamespace"
                                + " where n.nspname = ? and i.indisvalid and c.relname like '%\\_usage\\_%'",
                        schema))
                .containsExactlyInAnyOrderElementsOf(indexes);
    }

    @Test
    void exportsToASlowSink() {
        PostgresLedger.of(Database.pool(), schema).install();
        Database.execute("insert into " + table("projects") + " (id, organisation_id) values ('p', 'org-123')");
        try (HikariDataSource pool = limited(1)) {
            PostgresLedger ledger = PostgresLedger.of(pool, schema);
            ledger.repository()
                    .record(NewEvent.builder("p", "e")
                            .createdAt(Instant.parse("2026-03-05T10:00:00Z"))
                            .build());
            OutputStream slow = new OutputStream() {
                private boolean hasPaused;

                @Override
                public void write(int octet) {
                    if (!hasPaused) {
                        hasPaused = true;
                        pause();
                    }
                }
            };
            assertThat(ledger.repository()
                            .export(
                                    ExportRequest.builder("p", Instant.parse("2026-04-01T00:00:00Z"))
                                            .build(),
                                    slow)
                            .events())
                    .isEqualTo(1);
        }
    }

    @Test
    void copiesATableWhoseProgressTakesLong() {
        PostgresUsage.install(Database.pool(), schema);
        Database.execute(
                "insert into " + table("projects") + " (id, organisation_id) values ('p', 'org-123')",
                "insert into " + table("events")
                        + " (id, project_id, raw, created_at) select 'e' || n, 'p', 'abc', now()"
                        + " from generate_series(1, 10) n");
        try (HikariDataSource pool = limited(3)) {
            PartitionProgress slow = new PartitionProgress() {
                @Override
                public void rowsCopied(long rows) {
                    pause();
                }
            };
            assertThat(PostgresPartitions.of(pool, TableMapping.usagekit(schema))
                            .partition(PartitionInterval.MONTH, slow)
                            .copied())
                    .isEqualTo(10);
        }
    }

    /** The owner of a table with FORCE ROW LEVEL SECURITY would read none of its rows, without an error. */
    @Test
    void failsWherePoliciesWouldHideRows() {
        PostgresUsage.install(Database.pool(), schema);
        PostgresRollups.of(Database.pool(), TableMapping.usagekit(schema)).install();
        String role = Identifiers.quote(schema + "_owner");
        Database.execute(
                "insert into " + table("projects") + " (id, organisation_id) values ('p', 'org-123')",
                "insert into " + table("events")
                        + " (id, project_id, raw, created_at) values ('e', 'p', 'abc', '2026-03-05T10:00:00Z')",
                "create role " + role,
                "grant usage, create on schema " + Identifiers.quote(schema) + ", "
                        + Identifiers.quote(schema + "_rollups") + " to " + role,
                "grant select on all tables in schema " + Identifiers.quote(schema) + ", "
                        + Identifiers.quote(schema + "_rollups") + " to " + role,
                "alter table " + table("events") + " owner to " + role,
                "alter table " + table("events") + " enable row level security");
        try (HikariDataSource pool = Database.newPool(1, config -> config.setConnectionInitSql("set role " + role))) {
            var calculators = List.of(
                    PostgresUsage.calculator(pool, TableMapping.usagekit(schema)),
                    PostgresRollups.of(pool, TableMapping.usagekit(schema)).calculator());
            for (var calculator : calculators) {
                assertThat(calculator
                                .calculate(KEY, Duration.ofSeconds(30))
                                .received()
                                .volume())
                        .as("the owner isn't subject to policies")
                        .isEqualTo(1);
            }
            Database.execute("alter table " + table("events") + " force row level security");
            for (var calculator : calculators) {
                assertThatThrownBy(() -> calculator.calculate(KEY, Duration.ofSeconds(30)))
                        .isInstanceOf(UsageCalculationException.class)
                        .hasMessageContaining("row-level security")
                        .matches(error -> !((UsageCalculationException) error).isTransient(), "isn't transient");
            }
            Database.execute("alter role " + role + " bypassrls");
            for (var calculator : calculators) {
                assertThat(calculator
                                .calculate(KEY, Duration.ofSeconds(30))
                                .received()
                                .volume())
                        .isEqualTo(1);
            }
        } finally {
            Database.execute("drop owned by " + role + " cascade", "drop role " + role);
        }
    }
}
