package io.usagekit.postgres.rollups;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageMetrics;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.sql.DataSource;

/** Sums up the raw rows again and compares. */
final class RollupVerifier {

    /** What is compared at a time: a snapshot is held for no longer. */
    private static final Duration SLICE = Duration.ofDays(31);

    private static final Duration TIMEOUT = Duration.ofHours(1);

    private final DataSource dataSource;
    private final RollupSql sql;

    RollupVerifier(DataSource dataSource, RollupSql sql) {
        this.dataSource = dataSource;
        this.sql = sql;
    }

    /** What is done about an hour that differs. */
    interface Remedy {
        void apply(RollupDrift drift) throws SQLException;
    }

    /** How many hours differ. */
    long verify(VerificationProgress listener, Remedy remedy) throws SQLException {
        List<String> projects = read(this::projects);
        listener.began(projects.size());
        long drifts = 0;
        for (String project : projects) {
            drifts += verify(project, listener, remedy);
            listener.verified(project);
        }
        return drifts;
    }

    private long verify(String project, VerificationProgress listener, Remedy remedy) throws SQLException {
        Optional<Extent> extent = read(connection -> extent(connection, project));
        if (extent.isEmpty()) {
            return 0;
        }
        long drifts = 0;
        Instant end = extent.get().upper();
        for (Instant lower = extent.get().lower(); lower.isBefore(end); lower = lower.plus(SLICE)) {
            Instant from = lower;
            Instant upper = lower.plus(SLICE).isAfter(end) ? end : lower.plus(SLICE);
            for (RollupDrift drift : read(connection -> drifts(connection, project, from, upper))) {
                remedy.apply(drift);
                listener.drifted(drift);
                drifts++;
            }
        }
        return drifts;
    }

    /** From here on the hour is read live, and the worker rolls it anew. */
    void repair(RollupDrift drift) throws SQLException {
        try (Connection connection = dataSource.getConnection();
                PreparedStatement statement = sql.statement("rollups-repair.sql")
                        .prepare(connection, Map.of("project_id", drift.projectId(), "bucket", drift.hour()))) {
            statement.executeUpdate();
            if (!connection.getAutoCommit()) {
                connection.commit();
            }
        }
    }

    private <T> T read(Jdbc.Work<T> work) throws SQLException {
        return Jdbc.run(dataSource, Jdbc.Mode.READ_ONLY, TIMEOUT, work);
    }

    private List<String> projects(Connection connection) throws SQLException {
        List<String> projects = new ArrayList<>();
        try (PreparedStatement statement = sql.statement("rollups-projects.sql").prepare(connection, Map.of());
                ResultSet row = statement.executeQuery()) {
            while (row.next()) {
                projects.add(row.getString("project_id"));
            }
        }
        return projects;
    }

    private record Extent(Instant lower, Instant upper) {}

    private Optional<Extent> extent(Connection connection, String project) throws SQLException {
        try (PreparedStatement statement =
                        sql.statement("rollups-extent.sql").prepare(connection, Map.of("project_id", project));
                ResultSet row = statement.executeQuery()) {
            row.next();
            Optional<Instant> lower = RollupTransactions.instant(row, "lower");
            Optional<Instant> upper = RollupTransactions.instant(row, "upper");
            return lower.isEmpty() || upper.isEmpty()
                    ? Optional.empty()
                    : Optional.of(new Extent(lower.get(), upper.get()));
        }
    }

    private List<RollupDrift> drifts(Connection connection, String project, Instant lower, Instant upper)
            throws SQLException {
        List<RollupDrift> drifts = new ArrayList<>();
        Map<String, ?> values = Map.of("project_id", project, "lower", lower, "upper", upper);
        try (PreparedStatement statement = sql.statement("rollups-verify.sql").prepare(connection, values);
                ResultSet row = statement.executeQuery()) {
            while (row.next()) {
                drifts.add(new RollupDrift(
                        project,
                        row.getObject("bucket", OffsetDateTime.class).toInstant(),
                        metrics(row, "rolled_received"),
                        metrics(row, "rolled_sent"),
                        metrics(row, "raw_received"),
                        metrics(row, "raw_sent")));
            }
        }
        return drifts;
    }

    private static UsageMetrics metrics(ResultSet row, String what) throws SQLException {
        return new UsageMetrics(row.getLong(what + "_volume"), row.getLong(what + "_bytes"));
    }

    /** Why it can't be done. */
    static UsageCalculationException explain(String schema, SQLException e) {
        return new UsageCalculationException(
                "the roll-ups in the schema " + Identifiers.quote(schema) + " can't be verified: " + e.getMessage(), e);
    }
}
