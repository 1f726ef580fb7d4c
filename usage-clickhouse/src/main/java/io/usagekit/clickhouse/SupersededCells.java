package io.usagekit.clickhouse;

import java.sql.SQLException;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Removes cells that a newer version has replaced, for so long that no reader asks for them. */
record SupersededCells(ClickHouseJdbc jdbc, SqlFile statements, Duration timeout) {

    /** Of which rows of a project, by table, only the newest counts. */
    private static final Map<String, String> KEYS = Map.of("cell_local", "hour", "day_local", "day");

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
            // First, so that no reader begins with a state of which cells are removed.
            execute("remove-watermarks", Map.of("version", Long.toString(version)));
            Set<String> months = new HashSet<>();
            for (Map.Entry<String, String> table : KEYS.entrySet()) {
                months.addAll(remove(table.getKey(), table.getValue(), version, maxMonths));
            }
            return months.size();
        } catch (SQLException e) {
            throw ClickHouseErrors.storageFailure("superseded cells can't be removed from ClickHouse", e);
        }
    }

    private List<String> remove(String table, String key, long version, int maxMonths) throws SQLException {
        Map<String, String> names = Map.of("table", table, "key", key, "version", Long.toString(version));
        List<String> months = jdbc.query(
                statements.statement("superseded-months", names),
                Map.of("version", version, "months", (long) maxMonths),
                timeout,
                row -> row.getString(1));
        for (String month : months) {
            Map<String, String> of = new HashMap<>(names);
            of.put("month", ClickHouseUsage.literal(month));
            execute("remove-superseded", of);
        }
        return months;
    }

    private void execute(String statement, Map<String, String> names) throws SQLException {
        jdbc.execute(List.of(statements.statement(statement, names)), timeout);
    }
}
