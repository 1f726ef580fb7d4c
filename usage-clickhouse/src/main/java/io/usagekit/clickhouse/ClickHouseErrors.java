package io.usagekit.clickhouse;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageStorageException;
import java.sql.SQLException;
import java.util.Set;

/** What ClickHouse's errors mean, by their codes. */
final class ClickHouseErrors {

    /** In the order of their numbers in {@code ErrorCodes.cpp}; no retry cures them. */
    private static final Set<Integer> PERMANENT = Set.of(
            16, // NO_SUCH_COLUMN_IN_TABLE
            43, // ILLEGAL_TYPE_OF_ARGUMENT
            46, // UNKNOWN_FUNCTION
            47, // UNKNOWN_IDENTIFIER
            53, // TYPE_MISMATCH
            60, // UNKNOWN_TABLE
            62, // SYNTAX_ERROR
            81, // UNKNOWN_DATABASE
            115, // UNKNOWN_SETTING
            164, // READONLY
            192, // UNKNOWN_USER
            193, // WRONG_PASSWORD
            194, // REQUIRED_PASSWORD
            452, // SETTING_CONSTRAINT_VIOLATION
            497, // ACCESS_DENIED
            516, // AUTHENTICATION_FAILED
            701); // CLUSTER_DOESNT_EXIST

    private static final int MOST_CAUSES = 50;

    private ClickHouseErrors() {}

    /** Whether the error lasts until somebody corrects a setting, a privilege or the schema. Looks into the causes too. */
    static boolean isPermanent(SQLException e) {
        Throwable next = e;
        for (int i = 0; next != null && i < MOST_CAUSES; i++) {
            if (next instanceof SQLException known && PERMANENT.contains(known.getErrorCode())) {
                return true;
            }
            next = next.getCause();
        }
        return false;
    }

    /** The exception of a read that an error ended. */
    static UsageCalculationException calculationFailure(String what, SQLException e) {
        String message = what + ": " + e.getMessage();
        return isPermanent(e)
                ? UsageCalculationException.permanent(message, e)
                : new UsageCalculationException(message, e);
    }

    /** The exception of an operation on what is stored that an error ended. */
    static UsageStorageException storageFailure(String what, SQLException e) {
        String message = what + ": " + e.getMessage();
        return isPermanent(e) ? UsageStorageException.permanent(message, e) : new UsageStorageException(message, e);
    }
}
