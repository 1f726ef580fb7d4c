package io.usagekit.jackson;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageResults;
import io.usagekit.WarmResult;
import io.usagekit.format.UsageError;
import io.usagekit.format.UsageResponseFormatter;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The JSON form of one type, for Jackson of either version: a string, or an object as a map in the order of its members, whose values
 * are strings, {@link Long}s, booleans, such maps and lists of them.
 *
 * @param type the type that has this form
 * @param written the form of a value
 * @param read how a value is read back; empty if it isn't
 */
record UsageForm<T>(Class<T> type, Function<T, Object> written, Optional<Reading<?, T>> read) {

    private static final String NOT_READ =
            " has no JSON form to read: a response names its period by a label, which doesn't say the zone; "
                    + "read the response as a map, or as a type of your own";

    /**
     * How a value is read.
     *
     * @param json the type as which Jackson reads the form
     * @param parsed the value of it; throws an {@link IllegalArgumentException} if it has none
     */
    record Reading<J, T>(Class<J> json, Function<J, T> parsed) {

        /**
         * Returns the value of what Jackson has read.
         *
         * @throws IllegalArgumentException if it has none
         */
        T parse(@Nullable Object form) {
            if (form == null) {
                throw new IllegalArgumentException("must not be empty");
            }
            return parsed.apply(json.cast(form));
        }
    }

    /** All forms; results and errors are printed by this formatter. */
    static List<UsageForm<?>> all(UsageResponseFormatter formatter) {
        Objects.requireNonNull(formatter, "formatter");
        return List.of(
                printed(UsageResult.class, formatter::toMap),
                printed(UsageResults.class, all -> UsageJson.results(all, formatter)),
                printed(UsageError.class, formatter::toMap),
                printed(OrganisationUsage.class, UsageJson::usage),
                printed(WarmResult.class, UsageJson::warmed),
                new UsageForm<>(
                        UsageMetrics.class,
                        UsageJson::metrics,
                        Optional.of(new Reading<>(Map.class, UsageJson::readMetrics))),
                new UsageForm<>(
                        UsageKey.class, UsageJson::key, Optional.of(new Reading<>(Map.class, UsageJson::readKey))),
                new UsageForm<>(
                        UsagePeriod.class,
                        UsagePeriod::canonicalLabel,
                        Optional.of(new Reading<>(String.class, UsagePeriod::parse))));
    }

    private static <T> UsageForm<T> printed(Class<T> type, Function<T, Object> written) {
        return new UsageForm<>(type, written, Optional.empty());
    }

    /** Says that values of the type aren't read. */
    String refusal() {
        return type.getSimpleName() + NOT_READ;
    }
}
