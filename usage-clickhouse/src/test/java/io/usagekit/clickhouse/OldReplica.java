package io.usagekit.clickhouse;

import io.usagekit.postgres.rollups.spi.CellProject;
import io.usagekit.postgres.rollups.spi.CellReader;
import io.usagekit.postgres.rollups.spi.CellStore;
import io.usagekit.postgres.rollups.spi.CellSums;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.ShippedDay;
import io.usagekit.postgres.rollups.spi.ShippedUsage;
import io.usagekit.postgres.rollups.spi.UsageCell;
import io.usagekit.postgres.rollups.spi.Watermark;
import io.usagekit.servers.ReplicatedClickHouse;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Cells on a replica of {@link ReplicatedClickHouse}, by statements that a server of 2018 understands: without {@code Int128}, {@code async_insert} and
 * the query cache, and with sums for windows that aren't divided. There are neither days nor projects nor watermarks, which {@code history} needs.
 *
 * @param table that is read: the replica's own, or the distributed one
 */
record OldReplica(ReplicatedClickHouse replicas, int number, String table) implements CellStore, CellReader {

    static final String OWN = "usagekit.cell_local";
    static final String ANY = "usagekit.cell";

    private static final String COLUMNS =
            "project, hour, version, received_volume, received_bytes, sent_volume, sent_bytes, unmeasured, lost_sizes";

    /** Creates the tables on all replicas. */
    static void install(ReplicatedClickHouse replicas) {
        for (int replica = 0; replica < ReplicatedClickHouse.REPLICAS; replica++) {
            replicas.query(replica, "create database usagekit");
            replicas.query(
                    replica,
                    "create table " + OWN + " (project String, "
                            + COLUMNS.replaceFirst("project, ", "").replace(",", " Int64,") + " Int64)"
                            + " engine = ReplicatedMergeTree('/clickhouse/tables/cell', '{replica}')"
                            + " partition by toYYYYMM(toDateTime(hour, 'UTC')) order by (project, hour, version)");
            replicas.query(
                    replica,
                    "create table " + ANY + " as " + OWN + " engine = Distributed(" + ReplicatedClickHouse.CLUSTER
                            + ", usagekit, cell_local, cityHash64(project))");
        }
    }

    @Override
    public long highestVersion() {
        return Long.parseLong(
                replicas.query(number, "select max(version) from " + table).get(0));
    }

    /** Ends when two replicas have the rows. */
    @Override
    public void insertCells(long version, List<UsageCell> cells) {
        String rows = cells.stream().map(cell -> row(version, cell)).collect(Collectors.joining(", "));
        replicas.query(number, "insert into " + table + " (" + COLUMNS + ") values " + rows, "insert_quorum=2");
    }

    private static String row(long version, UsageCell cell) {
        CellSums sums = cell.sums();
        return "('" + cell.projectId() + "', " + cell.hour().getEpochSecond() + ", " + version + ", "
                + sums.receivedVolume()
                + ", " + sums.receivedBytes() + ", " + sums.sentVolume() + ", " + sums.sentBytes() + ", "
                + sums.unmeasured() + ", " + sums.lostSizes() + ")";
    }

    @Override
    public void insertDays(long version, List<ShippedDay> days) {}

    @Override
    public void insertProjects(long version, List<CellProject> projects) {}

    @Override
    public void publish(Watermark watermark) {}

    @Override
    public Map<String, List<ShippedUsage>> read(
            long version, Collection<ProjectDays> days, List<Instant> edges, Duration timeout) {
        if (edges.size() != 2) {
            throw new IllegalArgumentException("edges must be a start and an end, since its statement has one sum for a"
                    + " project, but were " + edges);
        }
        String ranges = days.stream()
                .map(of -> "(project = '" + of.projectId() + "' and hour >= " + seconds(of.from()) + " and hour < "
                        + seconds(of.to()) + ")")
                .collect(Collectors.joining(" or "));
        String sql =
                "select project, sum(cell.1), sum(cell.2), sum(cell.3), sum(cell.4), sum(cell.5), sum(cell.6), sum(newest)"
                        + " from (select project, hour, max(version) as newest, argMax((received_volume, received_bytes,"
                        + " sent_volume, sent_bytes, unmeasured, lost_sizes), version) as cell from " + table
                        + " where version <= " + version + " and (" + ranges
                        + ") group by project, hour) group by project";
        Map<String, List<ShippedUsage>> read = new HashMap<>();
        for (String line : replicas.query(
                number, sql, "skip_unavailable_shards=0", "load_balancing=random", "prefer_localhost_replica=0")) {
            String[] row = line.split("\t", -1);
            long[] sums = new long[8];
            for (int i = 1; i < sums.length; i++) {
                sums[i] = Long.parseLong(row[i]);
            }
            read.put(
                    row[0],
                    List.of(new ShippedUsage(
                            new CellSums(sums[1], sums[2], sums[3], sums[4], sums[5], sums[6]), sums[7])));
        }
        return read;
    }

    private static long seconds(LocalDate day) {
        return day.atStartOfDay(ZoneOffset.UTC).toEpochSecond();
    }
}
