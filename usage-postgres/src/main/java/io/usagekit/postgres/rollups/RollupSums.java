package io.usagekit.postgres.rollups;

import io.usagekit.UsageCalculationException;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.TableShape;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * Reads sums by slices of time from roll-ups, in one transaction.
 *
 * @param nothingCurrent says that there are no roll-ups, for the error
 */
record RollupSums(PostgresRollups.Settings settings, Jdbc jdbc, Duration timeout, String nothingCurrent)
        implements UsageSeries.Sums {

    @Override
    public void read(Optional<String> organisationId, List<Instant> edges, RollupSeriesQuery.Reader reader) {
        SqlErrors.checkTimeout(timeout);
        try {
            jdbc.transaction(Jdbc.Mode.READ_ONLY, timeout, connection -> {
                TableShape shape = TableShape.read(connection, settings.mapping());
                RollupSql sql = RollupCatalog.current(connection, settings, shape)
                        .orElseThrow(() -> UsageCalculationException.permanent(nothingCurrent, null));
                RetainedDoubt.checkSums(connection, sql, organisationId, edges);
                RollupSeriesQuery.over(sql, settings.projects(), organisationId).execute(connection, edges, reader);
                RetainedDoubt.checkSums(
                        connection, sql, organisationId, edges); // of a restore that was committed meanwhile
                return settings;
            });
        } catch (SQLException e) {
            throw SqlErrors.calculationFailure(
                    "reading sums from the roll-ups in the schema " + Identifiers.quote(settings.schema()) + " failed",
                    e);
        }
    }
}
