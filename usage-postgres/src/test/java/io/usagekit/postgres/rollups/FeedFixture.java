package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.rollups.internal.FeedSource;
import io.usagekit.postgres.rollups.internal.PostgresRollupFeed;
import io.usagekit.postgres.rollups.spi.CellReadListener;
import io.usagekit.postgres.rollups.spi.FeedCycle;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.postgres.testing.Database;
import io.usagekit.reports.UsageReports;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import javax.sql.DataSource;

/** Roll-ups of a month that is over, all of whose days are rolled, with a feed that has shipped them to a store in memory. */
final class FeedFixture implements AutoCloseable {

    static final UsageKey MARCH = RollupFixture.MARCH;

    private static final Duration TIMEOUT = Duration.ofSeconds(30);

    final RollupFixture of;
    final RollupFeed feed;
    final MemoryStore store = new MemoryStore();
    final List<String> refused = new ArrayList<>();
    final List<String> failed = new ArrayList<>();
    long daysFromStore;

    final UsageReports reports;
    private final UsageCalculator calculator;

    private FeedFixture(RollupFixture of) {
        this.of = of;
        this.feed = of.rollups.feed();
        CellReadListener listener = new CellReadListener() {
            @Override
            public void fromCells(UsageKey key, long days) {
                daysFromStore = days;
            }

            @Override
            public void fromRollups(UsageKey key) {
                daysFromStore = -1;
            }

            @Override
            public void refused(UsageKey key, List<ProjectDays> days, boolean reshipped) {
                refused.add(days + (reshipped ? "" : ", not reshipped"));
            }

            @Override
            public void readFailed(UsageKey key, Throwable error) {
                failed.add(String.valueOf(error.getMessage()));
            }
        };
        this.calculator = feed.calculator(store, listener);
        this.reports = feed.reports(store, listener);
    }

    static FeedFixture shipped(String name) {
        FeedFixture fixture = new FeedFixture(RollupFixture.ofLastMonth(Database.pool(), Database.newSchema(name)));
        fixture.feed.install();
        fixture.ship();
        return fixture;
    }

    /** The feed with another source of statements, or other connections: without one of its guards. */
    RollupFeed weakened(SqlSource source, DataSource dataSource) {
        return weakened(source, dataSource, connection -> true);
    }

    /** The same, and what says whether every change is tracked. */
    RollupFeed weakened(SqlSource source, DataSource dataSource, Jdbc.Work<Boolean> isEveryChangeTracked) {
        return new PostgresRollupFeed(
                new FeedSource(
                        new Jdbc(dataSource),
                        of.schema,
                        of.rollups.schema(),
                        of.clock,
                        connection -> of.sql(source).counting(ProjectScope.ALIVE),
                        isEveryChangeTracked,
                        connection -> "character varying"),
                () -> {
                    throw new AssertionError();
                },
                of.rollups::calculator,
                store -> {
                    throw new AssertionError();
                });
    }

    /** Connections on which an action runs once, right before a statement with this text is prepared for the nth time. */
    DataSource before(String text, int nth, Runnable action) {
        AtomicInteger times = new AtomicInteger();
        return ReadCommittedConnections.proxy(DataSource.class, (method, arguments) -> {
            Object result = method.invoke(of.dataSource, arguments);
            return result instanceof Connection connection
                    ? ReadCommittedConnections.proxy(Connection.class, (called, values) -> {
                        if (called.getName().equals("prepareStatement")
                                && String.valueOf(values[0]).contains(text)
                                && times.incrementAndGet() == nth) {
                            action.run();
                        }
                        return called.invoke(connection, values);
                    })
                    : result;
        });
    }

    /** Ships all that is to be shipped; returns the last cycle. */
    FeedCycle ship() {
        return ship(feed);
    }

    FeedCycle ship(RollupFeed by) {
        Optional<FeedCycle> cycle = by.ship(store, 1_000, TIMEOUT);
        return cycle.orElseThrow();
    }

    /** What the calculator computes with the store. */
    CombinedQuery.Totals figure() {
        return figure(TIMEOUT);
    }

    CombinedQuery.Totals figure(Duration timeout) {
        OrganisationUsage usage = calculator.calculate(MARCH, timeout);
        return new CombinedQuery.Totals(usage.received(), usage.sent(), usage.unmeasured());
    }

    /** Checks whether the figure with the store equals that of the roll-ups: so it must with a guard, and mustn't without it. */
    void assertExact(boolean exact) {
        CombinedQuery.Totals figure = figure();
        if (exact) {
            assertThat(figure).isEqualTo(of.figure());
        } else {
            assertThat(figure).as("without the guard").isNotEqualTo(of.figure());
        }
    }

    void run(String... statements) {
        of.run(Stream.of(statements).map(this::named).toArray(String[]::new));
    }

    /** With the name of the feed's schema. */
    private String named(String sql) {
        return sql.replace("{f}", '"' + feed.schema() + '"');
    }

    long count(String sql) {
        try (Connection connection = of.dataSource.getConnection()) {
            return of.count(connection, named(sql));
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    long toShip() {
        return feed.status(TIMEOUT).orElseThrow().hoursToShip();
    }

    @Override
    public void close() {
        feed.uninstall();
        of.close();
    }
}
