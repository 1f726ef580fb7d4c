package io.usagekit.postgres.internal;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.postgres.TableMapping;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** Computes figures by the combined query. */
public final class CombinedQueryCalculator implements UsageCalculator {

    private final Jdbc jdbc;
    private final TableMapping mapping;
    private final ProjectScope projects;
    private final InstantSource clock;

    /** Built at the first computation, when the tables are looked up; null before, and again when they have changed. */
    private volatile @Nullable CombinedQuery query;

    public CombinedQueryCalculator(
            DataSource dataSource, TableMapping mapping, ProjectScope projects, InstantSource clock) {
        this.jdbc = new Jdbc(dataSource);
        this.mapping = mapping;
        this.projects = projects;
        this.clock = clock;
    }

    @Override
    public OrganisationUsage calculate(UsageKey key, Duration timeout) {
        SqlErrors.checkTimeout(timeout);
        Instant now = clock.instant();
        try {
            CombinedQuery.Totals totals = jdbc.transaction(
                    Jdbc.Mode.READ_ONLY,
                    timeout,
                    connection -> query(connection).execute(connection, key));
            return new OrganisationUsage(key, totals.received(), totals.sent(), now);
        } catch (SQLException e) {
            if (SqlErrors.meansChangedShape(e)) {
                query = null;
            }
            throw SqlErrors.explain(key, timeout, e);
        }
    }

    private CombinedQuery query(Connection connection) throws SQLException {
        CombinedQuery known = query;
        if (known == null) {
            known = CombinedQuery.over(mapping, TableShape.read(connection, mapping), projects);
            query = known;
        }
        return known;
    }
}
