package io.usagekit.postgres.internal;

import java.util.Map;

/**
 * What a statement declares: the names and types of its parameters and of its columns, each in their order.
 *
 * @param parameters the values that are bound
 * @param columns the columns that are read
 */
public record SqlSignature(Map<String, SqlType> parameters, Map<String, SqlType> columns) {

    void checkParameter(String name, SqlType type) {
        if (parameters.get(name) != type) {
            throw new IllegalArgumentException(
                    ":" + name + " is bound as " + type + ", but declared as " + parameters.get(name));
        }
    }

    void checkColumn(String name, SqlType type) {
        if (columns.get(name) != type) {
            throw new IllegalArgumentException(name + " is read as " + type + ", but declared as " + columns.get(name));
        }
    }
}
