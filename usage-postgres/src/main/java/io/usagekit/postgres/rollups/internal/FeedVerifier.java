package io.usagekit.postgres.rollups.internal;

import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlRow;
import io.usagekit.postgres.internal.SqlStatements;
import io.usagekit.postgres.rollups.spi.CellReader;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.ShippedUsage;
import java.sql.SQLException;
import java.time.Duration;
import java.time.LocalDate;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/** Compares what the store has with the manifest and the roll-ups' sums, month by month of each project. */
final class FeedVerifier {

    private static final int MONTHS_AT_A_TIME = 1_000;

    /** A month of a project in the manifest. */
    private record Month(ProjectDays days, boolean listed, long published, long count, ShippedUsage expected) {

        static Month read(SqlRow row) throws SQLException {
            return new Month(
                    daysOf(row),
                    row.flag("listed"),
                    row.number("published"),
                    row.number("days"),
                    new ShippedUsage(FeedShipper.sums(row), row.number("versions")));
        }
    }

    private static ProjectDays daysOf(SqlRow row) throws SQLException {
        return new ProjectDays(
                row.text("project_id"), LocalDate.parse(row.text("month")), LocalDate.parse(row.text("next_month")));
    }

    private final FeedSource source;
    private final SqlStatements sql;
    private final CellReader reader;
    private final Duration timeout;

    FeedVerifier(FeedSource source, SqlStatements sql, CellReader reader, Duration timeout) {
        this.source = source;
        this.sql = sql;
        this.reader = reader;
        this.timeout = timeout;
    }

    long verify(Consumer<ProjectDays> differing) throws SQLException {
        long compared = 0;
        Optional<ProjectDays> after = Optional.empty();
        while (true) {
            List<Month> months = months(condition(after.isPresent()), after, MONTHS_AT_A_TIME);
            for (Month month : months) {
                if (!month.listed()) {
                    compared += month.count();
                    if (!isThere(month) && isMissing(month.days())) {
                        differing.accept(month.days());
                    }
                }
            }
            if (months.size() < MONTHS_AT_A_TIME) {
                unlisted().forEach(differing);
                return compared;
            }
            after = Optional.of(months.get(months.size() - 1).days());
        }
    }

    /** Finds months with hours that a trigger has missed: they are in neither the manifest nor the ship list. */
    private List<ProjectDays> unlisted() throws SQLException {
        return source.jdbc()
                .transaction(
                        Jdbc.Mode.READ_ONLY,
                        timeout,
                        connection -> SqlCall.of(connection, sql.template("unlisted-months"))
                                .list(FeedVerifier::daysOf));
    }

    /** Looks at a month again: cells of it may have been shipped meanwhile, and superseded ones removed. */
    private boolean isMissing(ProjectDays month) throws SQLException {
        return months("{month-of-place}", Optional.of(month), 1).stream()
                .anyMatch(again -> !again.listed() && !isThere(again));
    }

    private List<Month> months(String condition, Optional<ProjectDays> place, int most) throws SQLException {
        return source.jdbc().transaction(Jdbc.Mode.READ_ONLY, timeout, connection -> {
            SqlCall call = SqlCall.of(connection, sql.template("shipped-months", Map.of("months-after", condition)))
                    .number("months", most);
            place.ifPresent(month -> call.text("after_project", month.projectId())
                    .text("after_month", month.from().toString()));
            return call.list(Month::read);
        });
    }

    /** The fragment of the statement's condition. */
    static String condition(boolean isAfterPlace) {
        return isAfterPlace ? "{months-after-place}" : "true";
    }

    private boolean isThere(Month month) {
        return reader.read(month.published(), List.of(month.days()), timeout)
                .getOrDefault(month.days().projectId(), ShippedUsage.NONE)
                .equals(month.expected());
    }
}
