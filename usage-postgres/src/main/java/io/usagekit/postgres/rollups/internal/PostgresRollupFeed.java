package io.usagekit.postgres.rollups.internal;

import io.usagekit.UsageCalculator;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.SqlStatements;
import io.usagekit.postgres.rollups.spi.CellReadListener;
import io.usagekit.postgres.rollups.spi.CellReader;
import io.usagekit.postgres.rollups.spi.CellStore;
import io.usagekit.postgres.rollups.spi.FeedCycle;
import io.usagekit.postgres.rollups.spi.FeedStatus;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.reports.UsageReports;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Collection;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * The feed of roll-ups.
 *
 * @param parts makes calculators of what PostgreSQL has of figures
 * @param rollups makes calculators of whole figures
 * @param reports makes reports that are computed with a store
 */
public record PostgresRollupFeed(
        FeedSource source,
        Supplier<PartCalculator> parts,
        Supplier<UsageCalculator> rollups,
        Function<StoreReads, UsageReports> reports)
        implements RollupFeed {

    private static final Duration LOOK_UP_TIMEOUT = Duration.ofMinutes(1);
    private static final Duration SHORTEST_CYCLE = Duration.ofSeconds(1);

    @Override
    public String schema() {
        return source.schema();
    }

    @Override
    public void install() {
        new FeedInstaller(source).install();
    }

    @Override
    public void uninstall() {
        new FeedInstaller(source).uninstall();
    }

    @Override
    public Optional<FeedStatus> status(Duration timeout) {
        SqlErrors.checkTimeout(timeout);
        try {
            return source.jdbc().transaction(Jdbc.Mode.READ_ONLY, timeout, this::status);
        } catch (SQLException e) {
            throw source.failed("reading the status of", e);
        }
    }

    private Optional<FeedStatus> status(Connection connection) throws SQLException {
        if (!source.isPresent(connection)) {
            return Optional.empty();
        }
        return source.call(connection, "feed-status").first(row -> {
            Optional<Instant> oldest = row.optionalInstant("oldest_to_ship");
            Instant readAt = row.instant("read_at");
            return new FeedStatus(
                    row.flag("intact"),
                    row.number("published"),
                    row.optionalInstant("published_at"),
                    row.number("hours_to_ship"),
                    oldest,
                    oldest.map(since -> Duration.between(since, readAt)).orElse(Duration.ZERO),
                    row.number("shipped_days"));
        });
    }

    @Override
    public Optional<FeedCycle> ship(CellStore store, int maxHours, Duration timeout) {
        SqlErrors.checkTimeout(timeout);
        if (timeout.compareTo(SHORTEST_CYCLE) < 0) {
            throw new IllegalArgumentException("timeout must be at least " + SHORTEST_CYCLE + ", but was " + timeout);
        }
        if (maxHours < 1 || maxHours > MAX_HOURS) {
            throw new IllegalArgumentException("maxHours must be 1 to " + MAX_HOURS + ", but was " + maxHours);
        }
        try {
            return new FeedShipper(source, installed(), store).ship(maxHours, timeout);
        } catch (SQLException e) {
            throw source.failed("shipping hours of", e);
        }
    }

    /** Returns the statements; an error if the feed isn't installed. */
    private SqlStatements installed() throws SQLException {
        return source.jdbc().transaction(Jdbc.Mode.READ_ONLY, LOOK_UP_TIMEOUT, connection -> {
            SqlStatements sql = source.statements().run(connection);
            if (!source.isPresent(connection)) {
                throw source.notInstalled();
            }
            return sql;
        });
    }

    @Override
    public void reship(Collection<ProjectDays> days) {
        reship(days, FeedSource.CHANGE_TIMEOUT);
    }

    /** Has days shipped again, unless that takes longer. */
    void reship(Collection<ProjectDays> days, Duration timeout) {
        source.change("having days shipped again by", timeout, (connection, sql) -> {
            for (ProjectDays of : days) {
                SqlCall.of(connection, sql.template("list-days"))
                        .text("project_id", of.projectId())
                        .instant("from", start(of.from()))
                        .instant("to", start(of.to()))
                        .update();
            }
        });
    }

    private static Instant start(LocalDate day) {
        return day.atStartOfDay(ZoneOffset.UTC).toInstant();
    }

    @Override
    public void reshipAll() {
        source.change(
                "having everything shipped again by",
                (connection, sql) ->
                        SqlCall.of(connection, sql.template("list-all")).execute());
    }

    @Override
    public long verify(CellReader reader, Duration timeout, Consumer<ProjectDays> differing) {
        SqlErrors.checkTimeout(timeout);
        try {
            return new FeedVerifier(source, installed(), reader, timeout).verify(differing);
        } catch (SQLException e) {
            throw source.failed("verifying", e);
        }
    }

    @Override
    public UsageCalculator calculator(CellReader reader, CellReadListener listener) {
        StoreReads store = new StoreReads(this, reader, listener);
        return new StoreCalculator(parts.get(), rollups.get(), source.clock(), store);
    }

    @Override
    public UsageReports reports(CellReader reader, CellReadListener listener) {
        return reports.apply(new StoreReads(this, reader, listener));
    }
}
