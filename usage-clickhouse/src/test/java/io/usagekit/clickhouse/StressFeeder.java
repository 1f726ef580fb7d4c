package io.usagekit.clickhouse;

import com.clickhouse.jdbc.DataSourceImpl;
import io.usagekit.UsageException;
import io.usagekit.postgres.rollups.spi.CellStore;
import io.usagekit.postgres.rollups.spi.FeedWorker;
import io.usagekit.postgres.rollups.spi.Watermark;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Objects;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** A JVM whose worker ships until it is killed. Before it publishes a state it writes down what the raw rows say in the snapshot of the cycle. */
final class StressFeeder {

    private static final int HOURS_OF_A_CYCLE = 300;

    /** Of the current cycle. */
    private static volatile @Nullable Connection session;

    private StressFeeder() {}

    /** When the clock started; URL of PostgreSQL; URL, database and cluster of ClickHouse; the directory of states. */
    public static void main(String[] arguments) {
        Thread parent = new Thread(StressFeeder::awaitParent);
        parent.setDaemon(true);
        parent.start();
        ClickHouseUsage clickHouse = ClickHouseUsage.builder(new DataSourceImpl(arguments[2], new Properties()))
                .database(arguments[3])
                .cluster(arguments[4])
                .timeout(Duration.ofSeconds(10))
                .build();
        FeedWorker worker = worker(
                new StressTables(arguments[1]),
                new StressClock(Long.parseLong(arguments[0])),
                clickHouse,
                Path.of(arguments[5]));
        while (true) {
            try {
                worker.runOnce();
            } catch (UsageException e) {
                // PostgreSQL or a shard is away, which the worker has logged.
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
        }
    }

    /** A worker that writes down what raw rows say of each state; one at a time in a process. */
    static FeedWorker worker(StressTables tables, StressClock clock, ClickHouseUsage clickHouse, Path states) {
        DataSource postgres = tables.dataSource();
        DataSource watched = CyclePoint.proxy(DataSource.class, (proxy, method, values) -> {
            Object result = CyclePoint.invoke(postgres, method, values);
            if (result instanceof Connection connection) {
                session = connection;
            }
            return result;
        });
        CellStore store = clickHouse.store();
        return StressTables.rollups(watched, clock)
                .feed()
                .worker(CyclePoint.proxy(CellStore.class, (proxy, method, values) -> {
                    if (method.getName().equals("publish")) {
                        writeDown(states, (Watermark) values[0]);
                    }
                    return CyclePoint.invoke(store, method, values);
                }))
                .maxHours(HOURS_OF_A_CYCLE)
                .build();
    }

    private static void awaitParent() {
        try {
            System.in.transferTo(OutputStream.nullOutputStream());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            Runtime.getRuntime().halt(1);
        }
    }

    private static void writeDown(Path states, Watermark watermark) {
        try {
            RawHours.read(Objects.requireNonNull(session, "the cycle's connection"))
                    .write(states, watermark.asOf());
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }
}
