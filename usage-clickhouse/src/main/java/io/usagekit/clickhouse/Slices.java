package io.usagekit.clickhouse;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;

/**
 * Slices of a window that begin and end with whole UTC hours.
 *
 * @param edges at least two, in their order
 */
record Slices(List<Instant> edges) {

    /** Returns whether an instant is the begin of a UTC hour. */
    static boolean isHour(Instant instant) {
        return instant.equals(instant.truncatedTo(ChronoUnit.HOURS));
    }

    Instant start() {
        return edges.get(0);
    }

    Instant end() {
        return edges.get(edges.size() - 1);
    }

    int count() {
        return edges.size() - 1;
    }

    /** Returns the begin of the first UTC day of the window. */
    Instant first() {
        return start().truncatedTo(ChronoUnit.DAYS);
    }

    /** Returns the end of its last UTC day. */
    Instant last() {
        Instant day = end().truncatedTo(ChronoUnit.DAYS);
        return day.equals(end()) ? day : day.plus(1, ChronoUnit.DAYS);
    }

    /** Returns of each hour of these days the number of its slice, from 1; 0 outside the window. */
    Long[] numbers() {
        Long[] numbers =
                new Long[Math.toIntExact(Duration.between(first(), last()).toHours())];
        int slice = 0;
        for (int i = 0; i < numbers.length; i++) {
            Instant hour = first().plus(i, ChronoUnit.HOURS);
            while (slice < edges.size() && !hour.isBefore(edges.get(slice))) {
                slice++;
            }
            numbers[i] = slice == edges.size() ? 0L : slice;
        }
        return numbers;
    }
}
