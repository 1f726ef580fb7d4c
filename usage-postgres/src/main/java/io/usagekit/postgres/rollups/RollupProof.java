package io.usagekit.postgres.rollups;

import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.LockRetrier;
import io.usagekit.postgres.internal.SqlErrors;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;

/**
 * Compares the host's tables with what was recorded of them when the triggers were created. Each statement that reads figures does so
 * in its own snapshot, and doesn't use rolled hours where something differs. A record holds the version (xmin) of each row of the
 * catalog that describes a trigger or a mapped column: after {@code DISABLE TRIGGER} and {@code ENABLE TRIGGER} they differ, since rows
 * may have changed in between.
 */
final class RollupProof {

    /** The mapped tables that have triggers, by the names that statements use for them. */
    static final List<String> ROLES = List.of("events", "deliveries");

    /** An alteration, in words. */
    static final String NOT_IN_FORCE =
            "triggers are missing or disabled, on the tables or on partitions, or a partition is unlogged or foreign, or generates a mapped"
                    + " column in another way";

    private static final Duration LOCK_TIMEOUT = Duration.ofMillis(500);

    /** How many alterations a message names. */
    private static final int IN_WORDS = 3;

    private RollupProof() {}

    /** Whether the tables are as recorded; inside the connection's transaction, if there is one. */
    static boolean isIntact(Connection connection, RollupSql sql) throws SQLException {
        return sql.call(connection, "is-intact").answer();
    }

    /**
     * Whether the tables are as recorded, and keep their partitions until the transaction ends, but for those that it changes itself: it records
     * all of them, so that a partition with rows that another session detached from a partition of the table meanwhile would not be missed.
     *
     * @param role of the table that the transaction changes
     * @throws SQLException also if locks aren't acquired in time, or partitions have changed meanwhile; a lock conflict
     */
    static boolean isIntactUntilEnd(Connection connection, RollupSql sql, String role) throws SQLException {
        List<String> partitioned = partitioned(connection, sql, role);
        if (!partitioned.isEmpty()) {
            LockRetrier.lock(
                    connection,
                    partitioned.stream().map(table -> "only " + table).collect(Collectors.joining(", ")),
                    "share update exclusive",
                    LOCK_TIMEOUT);
            if (!partitioned(connection, sql, role).equals(partitioned)) {
                throw SqlErrors.lockNotAvailable("the partitions of " + partitioned.get(0) + " have changed meanwhile");
            }
        }
        return isIntact(connection, sql);
    }

    private static List<String> partitioned(Connection connection, RollupSql sql, String role) throws SQLException {
        return sql.call(connection, "list-partitioned").text("role", role).list(row -> row.text("quoted"));
    }

    /** Returns what differs, in words. */
    static List<String> alterations(Connection connection, RollupSql sql) throws SQLException {
        return sql.call(connection, "alterations").list(row -> row.text("alteration"));
    }

    /** Returns alterations as one line, without most of them where there are many: a message names as much as one reads. */
    static String inWords(List<String> alterations) {
        String some = alterations.stream().limit(IN_WORDS).collect(Collectors.joining("; "));
        int others = alterations.size() - IN_WORDS;
        return others <= 0 ? some : some + "; and " + others + " more, which status() lists";
    }

    /** Looks at the triggers of the tables, those of partitions included, at most every five seconds. Thread-safe. */
    static final class RecentTriggers {

        /** How long a look is relied on: partitions are too many to be looked at by each figure, and by each of the runs that follow one another. */
        private static final long RELIED_ON = Duration.ofSeconds(5).toNanos();

        /** A nano ticker. */
        private final LongSupplier ticker;

        /** When the triggers were looked at last and were in force; empty before that, and while they aren't. */
        private volatile OptionalLong inForceAt = OptionalLong.empty();

        RecentTriggers(LongSupplier ticker) {
            this.ticker = ticker;
        }

        /**
         * Whether all of them were in force at most five seconds ago, if the tables are intact; looks at them if it isn't known, and at those of each
         * partition only where one is disabled or a partition isn't permanent.
         */
        boolean areInForce(Connection connection, RollupSql sql) throws SQLException {
            long now = ticker.getAsLong();
            OptionalLong last = inForceAt;
            return (last.isPresent() && now - last.getAsLong() < RELIED_ON)
                    || (sql.shape().isPartitioned()
                            && sql.call(connection, "are-partitions-tracked").answer()
                            && looked(now, !RollupCatalog.hasRewrittenPartitions(connection, sql)))
                    || areInForceNow(connection, sql);
        }

        /** Whether all of them are in force, whenever they were looked at last. */
        boolean areInForceNow(Connection connection, RollupSql sql) throws SQLException {
            return looked(ticker.getAsLong(), RollupCatalog.isEveryChangeTracked(connection, sql));
        }

        private boolean looked(long now, boolean areInForce) {
            inForceAt = areInForce ? OptionalLong.of(now) : OptionalLong.empty();
            return areInForce;
        }
    }

    /** A partition that was attached or created since. */
    record NewPartition(String role, String schema, String name) {

        String quoted() {
            return Identifiers.qualified(schema, name);
        }
    }

    /** Returns the partitions that are new and may hold rows; empty if anything else differs, too. */
    static Optional<List<NewPartition>> newPartitions(Connection connection, RollupSql sql) throws SQLException {
        return sql.call(connection, "has-only-new-partitions").answer()
                ? Optional.of(sql.call(connection, "new-partitions")
                        .list(row -> new NewPartition(row.text("role"), row.text("schema"), row.text("name"))))
                : Optional.empty();
    }

    /**
     * Records each of these tables as it is now, if its triggers and mapped columns are defined as they were, and otherwise that it isn't as
     * recorded; in a transaction in which nothing is rolled, or of which the caller knows that no row has changed without a trigger.
     *
     * @param roles some of {@link #ROLES}
     * @return whether all are recorded
     */
    static boolean record(Connection connection, RollupSql sql, List<String> roles) throws SQLException {
        for (String statement : List.of(
                "record-relations",
                "forget-catalog-rows",
                "delete-partitions",
                "record-partitions",
                "record-parents")) {
            sql.call(connection, statement).texts("roles", roles).update();
        }
        return sql.call(connection, "record-catalog-rows").texts("roles", roles).update() == roles.size();
    }
}
