package io.usagekit.clickhouse;

import java.sql.SQLException;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;

/** Removes cells that a newer version has replaced, for so long that no reader asks for them. */
record SupersededCells(ClickHouseJdbc jdbc, SqlFile statements, Duration timeout) {

    private static final Duration SHORTEST = Duration.ofMinutes(1);
    private static final Duration LONGEST = Duration.ofDays(30);
    private static final int MOST_MONTHS = 1_000;

    int remove(Duration keep, int maxMonths) {
        if (keep.compareTo(SHORTEST) < 0 || keep.compareTo(LONGEST) > 0) {
            throw new IllegalArgumentException(
                    "keep must be between " + SHORTEST + " and " + LONGEST + ", but was " + keep);
        }
        if (maxMonths < 1 || maxMonths > MOST_MONTHS) {
            throw new IllegalArgumentException(
                    "maxMonths must be between 1 and " + MOST_MONTHS + ", but was " + maxMonths);
        }
        try {
            long version = jdbc.query(
                            statements.statement("prunable-version"),
                            Map.of("keep", keep.dividedBy(ChronoUnit.MICROS.getDuration())),
                            timeout,
                            row -> row.getLong(1))
                    .get(0);
            List<String> months = jdbc.query(
                    statements.statement("superseded-months"),
                    Map.of("version", version, "months", (long) maxMonths),
                    timeout,
                    row -> row.getString(1));
            for (String month : months) {
                execute("remove-superseded", version, month);
            }
            execute("remove-watermarks", version, "");
            return months.size();
        } catch (SQLException e) {
            throw ClickHouseErrors.storageFailure("superseded cells can't be removed from ClickHouse", e);
        }
    }

    private void execute(String statement, long version, String month) throws SQLException {
        Map<String, String> names = Map.of("version", Long.toString(version), "month", ClickHouseUsage.literal(month));
        jdbc.execute(List.of(statements.statement(statement, names)), timeout);
    }
}
