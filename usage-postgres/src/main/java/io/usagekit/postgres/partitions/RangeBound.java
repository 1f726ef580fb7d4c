package io.usagekit.postgres.partitions;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The bounds of a range partition whose key ends with a time.
 *
 * @param from constants as SQL writes them, or {@code MINVALUE} or {@code MAXVALUE}; inclusive
 * @param to as {@code from}; exclusive
 */
record RangeBound(List<String> from, List<String> to) {

    /** By the constants' text, which is the order of times of four digits' years in UTC; what has none comes first. */
    static final Comparator<Optional<RangeBound>> BY_TEXT = Comparator.comparing(
            range -> range.map(it -> String.join("\n", it.from())).orElse(""));

    private static final Pattern START = Pattern.compile("FOR VALUES FROM \\(");
    private static final Pattern VALUE = Pattern.compile("(E?'(?:[^']|'')*'|[^,()']+)(, |\\))");
    private static final Pattern SEPARATOR = Pattern.compile(" TO \\(");
    private static final Pattern TIME =
            Pattern.compile("'(\\d{4})-(\\d\\d)-(\\d\\d) (\\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?)(?:\\+00)?'");

    RangeBound {
        from = List.copyOf(from);
        to = List.copyOf(to);
    }

    /** Returns the bounds of a partition; empty if it isn't one of a range. */
    static Optional<RangeBound> of(PartitionTree partition) {
        return partition.bound().flatMap(RangeBound::parse);
    }

    /** Reads bounds as PostgreSQL prints them. */
    static Optional<RangeBound> parse(String bound) {
        Matcher matcher = START.matcher(bound);
        if (!matcher.lookingAt()) {
            return Optional.empty();
        }
        List<String> from = new ArrayList<>();
        int middle = values(bound, matcher.end(), from);
        matcher.usePattern(SEPARATOR);
        if (middle < 0 || !matcher.region(middle, bound.length()).lookingAt()) {
            return Optional.empty();
        }
        List<String> to = new ArrayList<>();
        return values(bound, matcher.end(), to) == bound.length()
                ? Optional.of(new RangeBound(from, to))
                : Optional.empty();
    }

    /** Reads constants up to the closing bracket; returns where it ends, or -1 if they can't be read. */
    private static int values(String bound, int start, List<String> values) {
        Matcher matcher = VALUE.matcher(bound);
        int position = start;
        while (matcher.region(position, bound.length()).lookingAt()) {
            values.add(matcher.group(1));
            position = matcher.end();
            if (matcher.group(2).equals(")")) {
                return position;
            }
        }
        return -1;
    }

    /** The constants before the time, if both bounds have the same ones. */
    Optional<List<String>> prefix() {
        List<String> before = from.subList(0, from.size() - 1);
        return before.equals(to.subList(0, to.size() - 1)) ? Optional.of(before) : Optional.empty();
    }

    /** The first time; empty if there is no first one in four digits' years. */
    Optional<Instant> lower() {
        return time(from.get(from.size() - 1));
    }

    /** The time after the last one; empty as {@link #lower} is. */
    Optional<Instant> upper() {
        return time(to.get(to.size() - 1));
    }

    private static Optional<Instant> time(String constant) {
        Matcher time = TIME.matcher(constant);
        if (!time.matches()) {
            return Optional.empty();
        }
        try {
            return Optional.of(
                    LocalDateTime.parse(time.group(1) + "-" + time.group(2) + "-" + time.group(3) + "T" + time.group(4))
                            .toInstant(ZoneOffset.UTC));
        } catch (DateTimeException e) {
            return Optional.empty();
        }
    }
}
