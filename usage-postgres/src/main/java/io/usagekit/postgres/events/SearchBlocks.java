package io.usagekit.postgres.events;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Blocks of time, by which the index of words finds those of a project and a time together: of 1 s, of 8 s and so on up to {@value #SECONDS} s since
 * 1970, each aligned to its length. An event is in one block of each length; earlier and later ones are in the first and last. A block has a
 * number, and the index has its hash with the project's id. They aren't among the words, so no text that is searched for is one.
 */
final class SearchBlocks {

    /** Each length is so many bits longer than the one before. */
    private static final int BITS = 3;

    private static final int LEVELS = 11;

    /** Up to the year 2242, so that PostgreSQL's floating-point numbers have each microsecond's second exactly. */
    static final long SECONDS = 1L << (LEVELS * BITS);

    private static final int BITS_OF_INDEX = 40;

    /** The number of the block of all time. */
    static final long ALL_TIME = number(LEVELS, 0);

    /** SQL of the hashes of a row's blocks, with constants of its own: statements are right only with the index's very expression. */
    static final String OF_A_ROW = IntStream.rangeClosed(0, LEVELS)
            .mapToObj(level -> "hashtextextended(project_id, " + number(level, 0)
                    + " + (least(greatest(floor(date_part('epoch', event_created_at at time zone 'UTC')), 0), "
                    + (SECONDS - 1) + ")::bigint >> " + level * BITS + "))")
            .collect(Collectors.joining(", ", "array[", "]"));

    private SearchBlocks() {}

    private static long number(int level, long index) {
        return ((long) level << BITS_OF_INDEX) + index;
    }

    /** The second of an instant, from 0 up to {@link #SECONDS}, exclusive. */
    static long second(Instant instant) {
        return Math.max(0, Math.min(instant.getEpochSecond(), SECONDS - 1));
    }

    /** The least level whose blocks are at least so long; the highest one if none is. */
    static int levelOf(long seconds) {
        int level = 0;
        while (level < LEVELS && length(level) < seconds) {
            level++;
        }
        return level;
    }

    /** The length of the blocks of a level, in seconds. */
    static long length(int level) {
        return 1L << (Math.min(level, LEVELS) * BITS);
    }

    /** The numbers of the fewest blocks that are the seconds from one on up to another, exclusive. */
    static List<Long> between(long from, long before) {
        List<Long> numbers = new ArrayList<>();
        long at = from;
        while (at < before) {
            int level = 0;
            while (level < LEVELS && at % length(level + 1) == 0 && length(level + 1) <= before - at) {
                level++;
            }
            numbers.add(number(level, at / length(level)));
            at += length(level);
        }
        return numbers;
    }
}
