package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsageException;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.time.YearMonth;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;

/** Closing a service whose computation waits for a locked table. */
class ServiceCloseIT {

    private static final String NAME = "service-close";

    private static boolean isWaiting() {
        return Database.query(
                        "select count(*) from pg_stat_activity where application_name = ? and wait_event_type = 'Lock'",
                        NAME)
                .equals("1");
    }

    private static void awaitTrue(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as(what).isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    @Test
    void cancelsTheStatementOfAComputationAfterTheDrainTimeout() throws Exception {
        String schema = Database.newSchema("service_close");
        PostgresUsage.install(Database.pool(), schema);
        try (HikariDataSource pool =
                        Database.newPool(2, config -> config.addDataSourceProperty("ApplicationName", NAME));
                Connection other = Database.pool().getConnection();
                Statement statement = other.createStatement()) {
            other.setAutoCommit(false);
            statement.execute("lock table " + Identifiers.qualified(schema, "events") + " in access exclusive mode");
            UsageService service = UsageService.builder(PostgresUsage.calculator(pool, TableMapping.usagekit(schema)))
                    .drainTimeout(Duration.ofMillis(300))
                    .build();
            CompletableFuture<UsageResult> figure = service.getAsync("org-1", UsagePeriod.month(YearMonth.of(2026, 3)))
                    .toCompletableFuture();
            awaitTrue("waits for the lock", ServiceCloseIT::isWaiting);
            long began = System.nanoTime();
            service.close();
            assertThat(Duration.ofNanos(System.nanoTime() - began))
                    .isBetween(Duration.ofMillis(300), UsageServiceBuilder.DEFAULT_COMPUTATION_TIMEOUT);
            assertThat(pool.getHikariPoolMXBean().getActiveConnections())
                    .as("connections in use, which the host closes next")
                    .isZero();
            assertThatThrownBy(() -> figure.get(20, TimeUnit.SECONDS))
                    .isInstanceOf(ExecutionException.class)
                    .hasCauseInstanceOf(UsageException.class);
            awaitTrue("no session waits", () -> !isWaiting());
            other.rollback();
            other.setAutoCommit(true);
        } finally {
            Database.dropSchema(schema);
        }
    }
}
