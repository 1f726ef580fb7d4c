package io.usagekit.postgres.rollups;

import java.util.Objects;

/**
 * A foreign key that refers to rows that retention deletes, or to rows that refer to those.
 *
 * @param table the table that refers, as {@code schema.table}
 * @param foreignKey its name
 * @param refersTo the table that it refers to, as {@code schema.table}
 * @param effect what happens to rows that refer to deleted ones
 * @param indexed whether an index begins with one of its columns; without one, each deleted row costs a scan of {@code table}
 * @since 0.1
 */
public record RetentionDependant(String table, String foreignKey, String refersTo, Effect effect, boolean indexed) {

    /** What happens to rows that refer to deleted ones. */
    public enum Effect {
        /** Retention deletes them along, as {@link PostgresRollups.Builder#deleteDependants} allows. */
        DELETED,
        /** PostgreSQL deletes them, by {@code ON DELETE CASCADE}. */
        CASCADED,
        /** PostgreSQL sets their columns to null or to the default. */
        DETACHED,
        /** They keep the rows that they refer to from being deleted: a batch with such a row fails. */
        BLOCKING
    }

    public RetentionDependant {
        Objects.requireNonNull(table, "table");
        Objects.requireNonNull(foreignKey, "foreignKey");
        Objects.requireNonNull(refersTo, "refersTo");
        Objects.requireNonNull(effect, "effect");
    }
}
