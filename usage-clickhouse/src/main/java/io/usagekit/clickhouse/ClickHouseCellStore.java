package io.usagekit.clickhouse;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.rollups.spi.CellProject;
import io.usagekit.postgres.rollups.spi.CellStore;
import io.usagekit.postgres.rollups.spi.CellSums;
import io.usagekit.postgres.rollups.spi.ShippedDay;
import io.usagekit.postgres.rollups.spi.UsageCell;
import io.usagekit.postgres.rollups.spi.Watermark;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Appends rows to all shards, through the distributed tables. Thread-safe. */
final class ClickHouseCellStore implements CellStore {

    /** Of one insert: some megaoctets of text. */
    static final int MOST_ROWS = 50_000;

    private final ClickHouseJdbc jdbc;
    private final SqlFile statements;
    private final Duration timeout;
    private final String cluster;

    /**
     * Over installed tables.
     *
     * @param timeout of each statement
     */
    ClickHouseCellStore(ClickHouseJdbc jdbc, SqlFile statements, Duration timeout, String cluster) {
        this.jdbc = jdbc;
        this.statements = statements;
        this.timeout = timeout;
        this.cluster = cluster;
    }

    @Override
    public long highestVersion() {
        return number("highest-version", "the highest version");
    }

    private long number(String statement, String what) {
        try {
            return jdbc.query(statements.statement(statement), Map.of(), timeout, row -> row.getLong(1))
                    .get(0);
        } catch (SQLException e) {
            throw ClickHouseErrors.storageFailure(what + " can't be read from ClickHouse", e);
        }
    }

    @Override
    public void insertCells(long version, List<UsageCell> cells) {
        insert("insert-cells", "cells", cells, cell -> {
            CellSums sums = cell.sums();
            return Map.of(
                    "project", cell.projectId(),
                    "hour", cell.hour().getEpochSecond(),
                    "version", version,
                    "received_volume", sums.receivedVolume(),
                    "received_bytes", sums.receivedBytes(),
                    "sent_volume", sums.sentVolume(),
                    "sent_bytes", sums.sentBytes(),
                    "unmeasured", sums.unmeasured(),
                    "lost_sizes", sums.lostSizes());
        });
    }

    @Override
    public void insertDays(long version, List<ShippedDay> days) {
        insert(
                "insert-days",
                "days",
                days,
                of -> Map.of(
                        "project", of.projectId(),
                        "day", of.day().atStartOfDay(ZoneOffset.UTC).toEpochSecond(),
                        "version", version,
                        "versions", of.versions()));
    }

    @Override
    public void insertProjects(long version, List<CellProject> projects) {
        insert("insert-projects", "projects", projects, project -> {
            Map<String, Object> values = new HashMap<>();
            values.put("project", project.projectId());
            values.put("version", version);
            values.put("organisation", project.organisationId().orElse(null));
            values.put("counts", project.counts());
            values.put("is_missing", project.isMissing());
            return values;
        });
    }

    private <T> void insert(String statement, String what, List<T> rows, Function<T, Map<String, Object>> values) {
        for (int from = 0; from < rows.size(); from += MOST_ROWS) {
            List<T> part = rows.subList(from, Math.min(rows.size(), from + MOST_ROWS));
            try {
                jdbc.insert(
                        statements.statement(statement),
                        part.stream().map(values).toList(),
                        timeout);
            } catch (SQLException e) {
                throw ClickHouseErrors.storageFailure(
                        part.size() + " " + what + " can't be inserted into ClickHouse", e);
            }
        }
    }

    @Override
    public void publish(Watermark watermark) {
        long shards = number("shards", "the number of shards");
        if (shards == 0) {
            throw UsageStorageException.permanent(
                    "the ClickHouse server has no cluster \"" + cluster + "\" in system.clusters", null);
        }
        Map<String, Long> values = Map.of(
                "version", watermark.version(),
                "as_of", ChronoUnit.MICROS.between(Instant.EPOCH, watermark.asOf()),
                "covered_from", watermark.coveredFrom().getEpochSecond(),
                "covered_before", watermark.coveredBefore().getEpochSecond(),
                "cells_from", watermark.cellsFrom(),
                "projects_from", watermark.projects().from(),
                "projects", watermark.projects().versions());
        for (long shard = 1; shard <= shards; shard++) {
            try {
                jdbc.insert(
                        statements.statement("insert-watermark", Map.of("shard", Long.toString(shard))),
                        List.of(values),
                        timeout);
            } catch (SQLException e) {
                throw ClickHouseErrors.storageFailure(
                        "version " + watermark.version() + " can't be published on shard " + shard + " of ClickHouse",
                        e);
            }
        }
    }
}
