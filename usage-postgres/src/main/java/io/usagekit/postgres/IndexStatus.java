package io.usagekit.postgres;

import java.util.List;
import java.util.Optional;

/**
 * Whether an index that figures need exists, as {@link PostgresUsage#indexes} reads it.
 *
 * @param table qualified and quoted
 * @param definition what follows the table's name in {@code CREATE INDEX}
 * @param name of the index that serves, which may be one of the host's own, or of the one that is invalid; not quoted, and empty if there is
 *     none, or each partition has one of its own
 * @param lacking the partitions that lack it, qualified and quoted; empty unless it is missing on a partitioned table
 * @since 0.1
 */
public record IndexStatus(String table, String definition, State state, Optional<String> name, List<String> lacking) {

    /**
     * The state of an index.
     *
     * @since 0.1
     */
    public enum State {
        /** Figures use it, on each partition if the table has any. */
        PRESENT,
        /** There is none, or some partitions lack it: figures read more blocks than they need. */
        MISSING,
        /** As missing: a {@code CREATE INDEX CONCURRENTLY} of the library has failed and left it. */
        INVALID,
        /** A view or a foreign table, which has no indexes; what it reads may have some. */
        NOT_A_TABLE
    }

    /** Copies the list. */
    public IndexStatus {
        lacking = List.copyOf(lacking);
    }

    /** Whether {@link PostgresUsage#installIndexes} would build it. */
    public boolean isLacking() {
        return state == State.MISSING || state == State.INVALID;
    }

    /** Returns the table and the definition, as {@code CREATE INDEX} has them, and what is wrong with it. */
    @Override
    public String toString() {
        String index = table + " " + definition;
        return switch (state) {
            case PRESENT -> index;
            case MISSING -> lacking.isEmpty() ? index : index + ", " + some();
            case INVALID -> index + ", which was left invalid by a build that failed";
            case NOT_A_TABLE -> index + ", which a view or a foreign table can't have";
        };
    }

    private String some() {
        return lacking.size() == 1
                ? "which the partition " + lacking.get(0) + " lacks"
                : "which " + lacking.size() + " partitions lack, " + lacking.get(0) + " among them";
    }
}
