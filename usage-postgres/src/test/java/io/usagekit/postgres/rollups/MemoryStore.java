package io.usagekit.postgres.rollups;

import io.usagekit.postgres.rollups.spi.CellProject;
import io.usagekit.postgres.rollups.spi.CellReader;
import io.usagekit.postgres.rollups.spi.CellStore;
import io.usagekit.postgres.rollups.spi.CellSums;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.ShippedUsage;
import io.usagekit.postgres.rollups.spi.UsageCell;
import io.usagekit.postgres.rollups.spi.Watermark;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.TreeMap;

/**
 * A store of cells in memory, with faults. Of two cells with the same version it returns the older one, as a store may. A test sets what runs at
 * each point of a cycle, and may throw there.
 */
final class MemoryStore implements CellStore, CellReader {

    /** An hour of a project. */
    private record Hour(String projectId, Instant start) {}

    final List<Watermark> watermarks = new ArrayList<>();
    final Map<String, CellProject> projects = new TreeMap<>();

    Runnable beforeInsert = () -> {};
    Runnable afterInsert = () -> {};
    Runnable beforePublish = () -> {};
    Runnable beforeRead = () -> {};

    /** Whether cells of versions that aren't published yet are read, too. */
    boolean ignoresVersions;

    private final Map<Hour, NavigableMap<Long, CellSums>> cells = new HashMap<>();
    private Map<Hour, NavigableMap<Long, CellSums>> replica = cells;
    private long highest;
    private int reads;
    private int inserted;

    @Override
    public synchronized long highestVersion() {
        return highest;
    }

    @Override
    public void insertCells(long version, List<UsageCell> added) {
        beforeInsert.run();
        synchronized (this) {
            for (UsageCell cell : added) {
                cells.computeIfAbsent(new Hour(cell.projectId(), cell.hour()), hour -> new TreeMap<>())
                        .putIfAbsent(version, cell.sums());
            }
            highest = Math.max(highest, version);
            inserted += added.size();
        }
        afterInsert.run();
    }

    @Override
    public synchronized void insertProjects(long version, List<CellProject> added) {
        added.forEach(project -> projects.put(project.projectId(), project));
        highest = Math.max(highest, version);
    }

    @Override
    public void publish(Watermark watermark) {
        beforePublish.run();
        synchronized (this) {
            watermarks.add(watermark);
            highest = Math.max(highest, watermark.version());
        }
    }

    @Override
    public Map<String, ShippedUsage> read(long version, Collection<ProjectDays> days, Duration timeout) {
        beforeRead.run();
        synchronized (this) {
            reads++;
            Map<String, ShippedUsage> found = new HashMap<>();
            for (ProjectDays of : days) {
                Instant end = of.to().atStartOfDay(ZoneOffset.UTC).toInstant();
                for (Instant hour = of.from().atStartOfDay(ZoneOffset.UTC).toInstant();
                        hour.isBefore(end);
                        hour = hour.plus(Duration.ofHours(1))) {
                    NavigableMap<Long, CellSums> versions =
                            replica.getOrDefault(new Hour(of.projectId(), hour), new TreeMap<>());
                    Map.Entry<Long, CellSums> cell = versions.floorEntry(ignoresVersions ? Long.MAX_VALUE : version);
                    if (cell != null) {
                        ShippedUsage usage = new ShippedUsage(cell.getValue(), cell.getKey());
                        found.merge(
                                of.projectId(),
                                usage,
                                (a, b) -> new ShippedUsage(a.sums().plus(b.sums()), a.versions() + b.versions()));
                    }
                }
            }
            return found;
        }
    }

    /** Returns how many reads there were. */
    synchronized int reads() {
        return reads;
    }

    /** Returns how many cells have been inserted. */
    synchronized int inserted() {
        return inserted;
    }

    /** Returns the sums that an hour has, and its version; none if it has no cell. */
    synchronized ShippedUsage cell(String projectId, Instant hour) {
        NavigableMap<Long, CellSums> versions = cells.getOrDefault(new Hour(projectId, hour), new TreeMap<>());
        return versions.isEmpty()
                ? ShippedUsage.NONE
                : new ShippedUsage(versions.lastEntry().getValue(), versions.lastKey());
    }

    /** Loses the newest cell of an hour. */
    synchronized void lose(String projectId, Instant hour) {
        Objects.requireNonNull(cells.get(new Hour(projectId, hour))).pollLastEntry();
    }

    /** Has inserted nothing above a version, as far as it says. */
    synchronized void showsUpTo(long version) {
        highest = version;
    }

    /** Reads what there is now, until {@link #catchUp}. */
    synchronized void lag() {
        replica = new HashMap<>();
        cells.forEach((hour, versions) -> replica.put(hour, new TreeMap<>(versions)));
    }

    synchronized void catchUp() {
        replica = cells;
    }
}
