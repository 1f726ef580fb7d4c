package io.usagekit.postgres.partitions;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The ranges of time in a host's own partitions.
 *
 * @param timelines partitions that follow each other in time, each of one parent and of one value of the key's other columns
 * @param obstacles what isn't partitioned by time in this way, in words
 */
record PartitionScheme(List<Timeline> timelines, List<String> obstacles) {

    /** A partition and its bounds. */
    record Range(PartitionTree partition, RangeBound bound) {

        /** Whether it has a first and a last time. */
        boolean isBounded() {
            return bound.lower().isPresent() && bound.upper().isPresent();
        }

        boolean overlaps(Instant lower, Instant upper) {
            return bound.lower().filter(it -> !it.isBefore(upper)).isEmpty()
                    && bound.upper().filter(it -> !it.isAfter(lower)).isEmpty();
        }
    }

    /**
     * Partitions that follow each other in time.
     *
     * @param prefix constants of the key's columns before the time, as SQL writes them
     * @param others the default partition of the parent
     */
    record Timeline(PartitionTree parent, List<String> prefix, List<Range> ranges, Optional<PartitionTree> others) {

        /** The partition that is the pattern of those after it. */
        Optional<Range> newest() {
            return ranges.stream()
                    .filter(Range::isBounded)
                    .max(Comparator.comparing(range -> range.bound().upper().orElseThrow()));
        }

        /** The interval of the newest partition, if it is one. */
        Optional<PartitionInterval> interval() {
            return newest().flatMap(range -> PartitionInterval.between(
                    range.bound().lower().orElseThrow(), range.bound().upper().orElseThrow()));
        }

        /** Why no partition can be created after the newest one, in words; empty if one can. */
        Optional<String> irregularity() {
            Optional<Range> unbounded = ranges.stream()
                    .filter(range -> range.bound().upper().isEmpty())
                    .findFirst();
            if (unbounded.isPresent()) {
                return Optional.of(unbounded.get().partition().quoted() + " has all later times, "
                        + unbounded.get().partition().bound().orElseThrow());
            }
            Optional<Range> newest = newest();
            if (newest.isEmpty()) {
                return Optional.of(parent.quoted() + " has no partition from which the interval can be told");
            }
            return interval().isPresent()
                    ? Optional.empty()
                    : Optional.of(
                            "its newest partition " + newest.get().partition().quoted()
                                    + " is no day, week or month in UTC: "
                                    + newest.get().partition().bound().orElseThrow());
        }
    }

    /** Finds the ranges of time in a table's partitions. */
    static PartitionScheme of(PartitionTree table) {
        List<Timeline> timelines = new ArrayList<>();
        List<String> obstacles = new ArrayList<>();
        collect(table, timelines, obstacles);
        return new PartitionScheme(timelines, obstacles);
    }

    private static void collect(PartitionTree parent, List<Timeline> timelines, List<String> obstacles) {
        if (parent.key().isEmpty()) {
            return;
        }
        PartitionTree.Key key = parent.key().get();
        if (key.endsWithTime()) {
            addTimelines(parent, timelines, obstacles);
            return;
        }
        int before = timelines.size() + obstacles.size();
        parent.partitions().forEach(partition -> collect(partition, timelines, obstacles));
        if (timelines.size() + obstacles.size() == before) {
            obstacles.add(parent.quoted() + " is partitioned by " + key.definition()
                    + ", and neither it nor a partition of it by the time of its rows");
        }
    }

    private static void addTimelines(PartitionTree parent, List<Timeline> timelines, List<String> obstacles) {
        Optional<PartitionTree> others =
                parent.partitions().stream().filter(PartitionTree::isDefault).findFirst();
        Map<List<String>, List<Range>> ranges = new LinkedHashMap<>();
        for (PartitionTree partition : parent.partitions()) {
            Optional<RangeBound> bound = RangeBound.of(partition);
            if (bound.isPresent()) {
                Optional<List<String>> prefix = bound.get().prefix();
                if (prefix.isPresent()) {
                    ranges.computeIfAbsent(prefix.get(), it -> new ArrayList<>())
                            .add(new Range(partition, bound.get()));
                } else {
                    obstacles.add(partition.quoted() + " spans several values of "
                            + String.join(", ", parent.key().orElseThrow().prefix()) + ": "
                            + partition.bound().orElseThrow());
                }
            }
        }
        if (ranges.isEmpty()) {
            obstacles.add(parent.quoted() + " is partitioned by "
                    + parent.key().orElseThrow().definition() + " and has no range of it");
        }
        ranges.forEach((prefix, of) -> timelines.add(new Timeline(parent, prefix, List.copyOf(of), others)));
    }
}
