package io.usagekit.postgres.internal;

import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How a column tells deleted rows from others. */
enum DeletionMark {
    /** Null, or a value of any type that says when, why or by whom the row was deleted. */
    NULL("%s is null"),
    /** A time; null or infinity if the row isn't deleted. */
    TIME("(%1$s is null or %1$s = 'infinity')"),
    /**
     * A time of a view, which says nothing about what live rows have: null, or a time at which no row was deleted, such as 0001-01-01,
     * 9999-12-31 or infinity.
     */
    TIME_OF_VIEW("(%1$s is null or %1$s < '1971-01-01' or %1$s >= '2090-01-01')"),
    /** A flag; false or null if the row isn't deleted. */
    FLAG("%s is not true"),
    /** A number, such as seconds since 1970; 0, which new rows take, or null if the row isn't deleted. */
    NUMBER("coalesce(%s, 0) = 0");

    /** A constant, as PostgreSQL writes it, with casts and brackets. */
    private static final Pattern CONSTANT =
            Pattern.compile("\\(*(NULL|false|0|'0'|'infinity')\\)*(::[\\w\". ]+(\\(\\d+\\))?\\)*)*");

    private final String live;

    DeletionMark(String live) {
        this.live = live;
    }

    /** Returns the condition that a row isn't deleted; it is never null. */
    String live(String column) {
        return String.format(Locale.ROOT, live, column);
    }

    /** Returns the mark that a column is, or empty if it could be set in rows that aren't deleted. */
    static Optional<DeletionMark> of(TableShape.Column column) {
        String initial = initialValue(column);
        if (column.type().equals("boolean")) {
            return Optional.of(FLAG).filter(flag -> initial.equals("null") || initial.equals("false"));
        }
        if (TableShape.TIMES.contains(column.type())) {
            if (column.inView()) {
                return Optional.of(TIME_OF_VIEW);
            }
            return Optional.of(TIME)
                    .filter(time -> initial.equals("'infinity'") || (initial.equals("null") && column.nullable()));
        }
        if (TableShape.WHOLE_NUMBERS.contains(column.type()) && (initial.equals("0") || initial.equals("'0'"))) {
            return Optional.of(NUMBER);
        }
        return Optional.of(NULL).filter(any -> initial.equals("null") && column.nullable() && !column.inView());
    }

    private static String initialValue(TableShape.Column column) {
        Matcher constant = CONSTANT.matcher(column.defaultValue());
        return column.defaultValue().isEmpty()
                ? "null"
                : constant.matches() ? constant.group(1).toLowerCase(Locale.ROOT) : column.defaultValue();
    }
}
