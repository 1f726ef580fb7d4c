package io.usagekit.clickhouse;

import io.usagekit.UsageCalculationException;
import io.usagekit.postgres.rollups.spi.CellReader;
import io.usagekit.postgres.rollups.spi.CellSums;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.ShippedUsage;
import java.math.BigDecimal;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads sums of days through the distributed table, by one statement unless it would become too long. Several statements read the same
 * versions, so that together they are one state. Thread-safe.
 */
final class ClickHouseCellReader implements CellReader {

    /** The octets of a range without its project's id: two numbers and what separates them, each of which the statement has twice. */
    private static final int RANGE_OCTETS = 80;

    /** The octets of the begin of a slice, and of what separates it from the next one. */
    private static final long BEGIN_OCTETS = 14;

    private final ClickHouseJdbc jdbc;
    private final SqlFile.Statement sums;
    private final SqlFile.Statement sumsOfRanges;

    /**
     * With the statement {@code sums}.
     *
     * @param sums of one range of all projects
     * @param sumsOfRanges of ranges of their own
     */
    ClickHouseCellReader(ClickHouseJdbc jdbc, SqlFile.Statement sums, SqlFile.Statement sumsOfRanges) {
        this.jdbc = jdbc;
        this.sums = sums;
        this.sumsOfRanges = sumsOfRanges;
    }

    static ClickHouseCellReader of(ClickHouseJdbc jdbc, SqlFile statements) {
        return new ClickHouseCellReader(
                jdbc,
                statements.statement("sums", Map.of("in-ranges", "")),
                statements.statement("sums", Map.of("in-ranges", "{in-joined-ranges}")));
    }

    @Override
    public Map<String, List<ShippedUsage>> read(
            long version, Collection<ProjectDays> days, List<Instant> edges, Duration timeout) {
        long began = System.nanoTime();
        Long[] begins = edges.stream()
                .limit(edges.size() - 1L)
                .map(ClickHouseCellReader::seconds)
                .toArray(Long[]::new);
        Map<String, List<ShippedUsage>> read = new HashMap<>();
        for (List<ProjectDays> part : StatementParts.of(
                days,
                range -> 2 * StatementParts.octets(range.projectId()) + RANGE_OCTETS,
                BEGIN_OCTETS * begins.length)) {
            try {
                Duration left = timeout.minusNanos(System.nanoTime() - began);
                jdbc.query(
                        isOneRange(part) ? sums : sumsOfRanges,
                        values(version, part, begins),
                        left,
                        row -> add(read, begins, row));
            } catch (SQLException e) {
                throw ClickHouseErrors.calculationFailure(what(version, days), e);
            } catch (ArithmeticException e) {
                throw new UsageCalculationException(what(version, days) + ": a sum exceeds 64 bits", e);
            }
        }
        return read;
    }

    private static String what(long version, Collection<ProjectDays> days) {
        return "the sums of " + days.size() + " ranges of days in version " + version
                + " can't be read from ClickHouse";
    }

    /** Returns whether all projects have the same range, as they have in a month that is over. */
    private static boolean isOneRange(List<ProjectDays> days) {
        ProjectDays first = days.get(0);
        return days.stream()
                .allMatch(
                        range -> range.from().equals(first.from()) && range.to().equals(first.to()));
    }

    private static Map<String, Object> values(long version, List<ProjectDays> days, Long[] begins) {
        Long[] froms = days.stream().map(range -> seconds(range.from())).toArray(Long[]::new);
        Long[] ends = days.stream().map(range -> seconds(range.to())).toArray(Long[]::new);
        return Map.of(
                "version",
                version,
                "projects",
                days.stream().map(ProjectDays::projectId).toArray(String[]::new),
                "froms",
                froms,
                "ends",
                ends,
                "first",
                Collections.min(Arrays.asList(froms)),
                "last",
                Collections.max(Arrays.asList(ends)),
                "begins",
                begins);
    }

    private static long seconds(LocalDate day) {
        return day.atStartOfDay(ZoneOffset.UTC).toEpochSecond();
    }

    /** Begins of slices may have fractions, but not those with cells. */
    private static long seconds(Instant edge) {
        return edge.getEpochSecond();
    }

    /** A project whose ranges stand in two statements has rows in each. */
    private static String add(Map<String, List<ShippedUsage>> read, Long[] begins, ResultSet row) throws SQLException {
        String project = row.getString("project");
        List<ShippedUsage> slices = read.computeIfAbsent(
                project, id -> new ArrayList<>(Collections.nCopies(begins.length, ShippedUsage.NONE)));
        int slice = Arrays.binarySearch(begins, row.getLong("slice"));
        slices.set(slice, slices.get(slice).plus(new ShippedUsage(sums(row), exact(row, "versions"))));
        return project;
    }

    /**
     * Reads the sums in a row.
     *
     * @throws ArithmeticException if one exceeds 64 bits
     */
    static CellSums sums(ResultSet row) throws SQLException {
        return new CellSums(
                exact(row, "received_volume"),
                exact(row, "received_bytes"),
                exact(row, "sent_volume"),
                exact(row, "sent_bytes"),
                exact(row, "unmeasured"),
                exact(row, "lost_sizes"));
    }

    static long exact(ResultSet row, String column) throws SQLException {
        BigDecimal value = row.getBigDecimal(column);
        return value.longValueExact();
    }
}
