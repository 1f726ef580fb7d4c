package io.usagekit.postgres.internal;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.postgres.TableMapping;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTimeoutException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Set;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** Computes figures by the combined query. */
public final class CombinedQueryCalculator implements UsageCalculator {

    private static final Duration SHORTEST = Duration.ofMillis(1);
    private static final Duration LONGEST = Duration.ofDays(1);
    private static final String QUERY_CANCELED = "57014";

    /** undefined_table, undefined_column, invalid_schema_name, datatype_mismatch, undefined_function: the tables have changed. */
    private static final Set<String> CHANGED_SHAPE = Set.of("42P01", "42703", "3F000", "42804", "42883");

    private final DataSource dataSource;
    private final TableMapping mapping;
    private final ProjectScope projects;
    private final InstantSource clock;

    /** Built at the first computation, when the tables are looked up; null before, and again when they have changed. */
    private volatile @Nullable CombinedQuery query;

    public CombinedQueryCalculator(
            DataSource dataSource, TableMapping mapping, ProjectScope projects, InstantSource clock) {
        this.dataSource = dataSource;
        this.mapping = mapping;
        this.projects = projects;
        this.clock = clock;
    }

    @Override
    public OrganisationUsage calculate(UsageKey key, Duration timeout) {
        checkTimeout(timeout);
        Instant now = clock.instant();
        try {
            CombinedQuery.Totals totals = Jdbc.run(
                    dataSource,
                    Jdbc.Mode.READ_ONLY,
                    timeout,
                    connection -> query(connection).execute(connection, key));
            return new OrganisationUsage(key, totals.received(), totals.sent(), now);
        } catch (SQLException e) {
            if (meansChangedShape(e)) {
                query = null;
            }
            throw explain(key, timeout, e);
        }
    }

    /**
     * The bounds of a computation's time.
     *
     * @throws IllegalArgumentException if it is out of them
     */
    public static void checkTimeout(Duration timeout) {
        if (timeout.compareTo(SHORTEST) < 0 || timeout.compareTo(LONGEST) > 0) {
            throw new IllegalArgumentException(
                    "timeout must be between " + SHORTEST + " and " + LONGEST + ", but was " + timeout);
        }
    }

    /** Whether the tables have to be looked up again. */
    public static boolean meansChangedShape(SQLException e) {
        return e.getSQLState() != null && CHANGED_SHAPE.contains(e.getSQLState());
    }

    private CombinedQuery query(Connection connection) throws SQLException {
        CombinedQuery known = query;
        if (known == null) {
            known = CombinedQuery.over(mapping, TableShape.read(connection, mapping), projects);
            query = known;
        }
        return known;
    }

    public static UsageCalculationException explain(UsageKey key, Duration timeout, SQLException e) {
        return new UsageCalculationException(
                QUERY_CANCELED.equals(e.getSQLState()) || e instanceof SQLTimeoutException
                        ? "the usage of " + key + " wasn't computed within " + timeout
                        : "the usage of " + key + " can't be computed: " + e.getMessage(),
                e);
    }
}
