package io.usagekit.postgres.rollups;

import io.usagekit.postgres.rollups.spi.CellProject;
import io.usagekit.postgres.rollups.spi.CellReader;
import io.usagekit.postgres.rollups.spi.CellStore;
import io.usagekit.postgres.rollups.spi.CellSums;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.ShippedDay;
import io.usagekit.postgres.rollups.spi.ShippedUsage;
import io.usagekit.postgres.rollups.spi.UsageCell;
import io.usagekit.postgres.rollups.spi.Watermark;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * A store of cells in memory, with faults. Of two cells with the same version it returns the older one, as a store may. A test sets what runs at
 * each point of a cycle, and may throw there.
 */
final class MemoryStore implements CellStore, CellReader {

    /** An hour of a project. */
    private record Hour(String projectId, Instant start) {}

    final List<Watermark> watermarks = new ArrayList<>();
    final Map<String, CellProject> projects = new TreeMap<>();

    /** Of each project the version that it was inserted in last. */
    private final Map<String, Long> projectVersions = new HashMap<>();

    private final Map<ProjectDays, NavigableMap<Long, Long>> days = new HashMap<>();

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
    public synchronized void insertDays(long version, List<ShippedDay> added) {
        added.forEach(of -> days.computeIfAbsent(
                        new ProjectDays(of.projectId(), of.day(), of.day().plusDays(1)), day -> new TreeMap<>())
                .put(version, of.versions()));
        highest = Math.max(highest, version);
    }

    @Override
    public synchronized void insertProjects(long version, List<CellProject> added) {
        for (CellProject project : added) {
            projects.put(project.projectId(), project);
            projectVersions.put(project.projectId(), version);
        }
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
    public Map<String, List<ShippedUsage>> read(
            long version, Collection<ProjectDays> days, List<Instant> edges, Duration timeout) {
        beforeRead.run();
        synchronized (this) {
            reads++;
            Map<String, List<ShippedUsage>> found = new HashMap<>();
            for (ProjectDays of : days) {
                List<ShippedUsage> slices = found.computeIfAbsent(
                        of.projectId(),
                        id -> new ArrayList<>(Collections.nCopies(edges.size() - 1, ShippedUsage.NONE)));
                Instant end = of.to().atStartOfDay(ZoneOffset.UTC).toInstant();
                for (Instant hour = of.from().atStartOfDay(ZoneOffset.UTC).toInstant();
                        hour.isBefore(end);
                        hour = hour.plus(Duration.ofHours(1))) {
                    NavigableMap<Long, CellSums> versions =
                            replica.getOrDefault(new Hour(of.projectId(), hour), new TreeMap<>());
                    Map.Entry<Long, CellSums> cell = versions.floorEntry(ignoresVersions ? Long.MAX_VALUE : version);
                    if (cell != null) {
                        slices.set(
                                slice(edges, hour),
                                slices.get(slice(edges, hour)).plus(new ShippedUsage(cell.getValue(), cell.getKey())));
                    }
                }
            }
            return found;
        }
    }

    private static int slice(List<Instant> edges, Instant hour) {
        int slice = 0;
        while (!edges.get(slice + 1).isAfter(hour)) {
            slice++;
        }
        if (hour.isBefore(edges.get(slice)) || hour.plusSeconds(3_600).isAfter(edges.get(slice + 1))) {
            throw new AssertionError(hour + " isn't in one slice of " + edges);
        }
        return slice;
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

    /** Returns the days whose cells in the state of a watermark aren't those that their rows in this state are the proof of. */
    synchronized List<ProjectDays> unproved(Watermark watermark) {
        Map<ProjectDays, Long> found = new HashMap<>();
        cells.forEach((hour, versions) -> {
            Long version = versions.floorKey(watermark.version());
            if (version != null && version >= watermark.cellsFrom()) {
                LocalDate day = hour.start().atOffset(ZoneOffset.UTC).toLocalDate();
                found.merge(new ProjectDays(hour.projectId(), day, day.plusDays(1)), version, Long::sum);
            }
        });
        List<ProjectDays> unproved = new ArrayList<>();
        Stream.concat(found.keySet().stream(), days.keySet().stream())
                .distinct()
                .filter(day -> found.getOrDefault(day, 0L) != expected(day, watermark))
                .forEach(unproved::add);
        return unproved;
    }

    private long expected(ProjectDays day, Watermark watermark) {
        Map.Entry<Long, Long> row = days.getOrDefault(day, new TreeMap<>()).floorEntry(watermark.version());
        return row == null || row.getKey() < watermark.cellsFrom() ? 0 : row.getValue();
    }

    /** Returns what the newest watermark says of the projects, if it was published last. */
    synchronized long provedProjects(long from) {
        return projectVersions.values().stream()
                .filter(version -> version >= from)
                .mapToLong(version -> version - from + 1)
                .sum();
    }

    /** Loses the newest cell of an hour. */
    synchronized void lose(String projectId, Instant hour) {
        Objects.requireNonNull(cells.get(new Hour(projectId, hour))).pollLastEntry();
    }

    /** Loses everything, as a store that is replaced by a new one. */
    synchronized void loseAll() {
        cells.clear();
        days.clear();
        projects.clear();
        projectVersions.clear();
        highest = 0;
    }

    /** Removes all cells but the newest of each hour. */
    synchronized void removeSuperseded() {
        cells.values().forEach(versions -> versions.headMap(versions.lastKey()).clear());
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
