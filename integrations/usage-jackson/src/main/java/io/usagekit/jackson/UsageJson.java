package io.usagekit.jackson;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageResults;
import io.usagekit.WarmResult;
import io.usagekit.format.UsageError;
import io.usagekit.format.UsageResponseFormatter;
import java.math.BigInteger;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The members of each {@link UsageForm}, and what is read from them. */
final class UsageJson {

    private static final String ORGANISATION_ID = "organisation_id";
    private static final String PERIOD = "period";
    private static final String VOLUME = "volume";
    private static final String BYTES = "bytes";
    private static final String FAILURES = "failures";

    private static final UsageResponseFormatter FIGURE = UsageResponseFormatter.plain();

    private UsageJson() {}

    /** The members that {@link UsageResponseFormatter} prints of a figure. */
    static Map<String, Object> usage(OrganisationUsage usage) {
        return FIGURE.toMap(UsageResult.fresh(new AgedUsage(usage, Duration.ZERO)));
    }

    /** Each result and each failure as the formatter prints it. */
    static Map<String, Object> results(UsageResults all, UsageResponseFormatter formatter) {
        List<Object> failures = new ArrayList<>();
        all.failures().forEach((key, failure) -> failures.add(formatter.toMap(key, UsageError.of(failure))));
        Map<String, Object> members = new LinkedHashMap<>();
        members.put(
                "results", all.results().values().stream().map(formatter::toMap).toList());
        members.put(FAILURES, failures);
        return members;
    }

    static Map<String, Object> key(UsageKey key) {
        Map<String, Object> members = new LinkedHashMap<>();
        members.put(ORGANISATION_ID, key.organisationId());
        members.put(PERIOD, key.period().canonicalLabel());
        return members;
    }

    static Map<String, Object> metrics(UsageMetrics metrics) {
        Map<String, Object> members = new LinkedHashMap<>();
        members.put(VOLUME, metrics.volume());
        members.put(BYTES, metrics.bytes());
        return members;
    }

    static Map<String, Object> warmed(WarmResult result) {
        Map<String, Object> failures = new LinkedHashMap<>();
        result.failures()
                .forEach((organisationId, failure) ->
                        failures.put(organisationId, UsageError.of(failure).code()));
        Map<String, Object> members = new LinkedHashMap<>();
        members.put("fresh", (long) result.fresh());
        members.put("computed", (long) result.computed());
        members.put(FAILURES, failures);
        return members;
    }

    /**
     * Reads what {@link #key} returns.
     *
     * @throws IllegalArgumentException if a member is missing or of another type, or a value is out of its bounds
     */
    static UsageKey readKey(Map<?, ?> members) {
        return new UsageKey(text(members, ORGANISATION_ID), UsagePeriod.parse(text(members, PERIOD)));
    }

    /**
     * Reads what {@link #metrics} returns.
     *
     * @throws IllegalArgumentException if a member is missing, isn't a whole number, or is out of its bounds
     */
    static UsageMetrics readMetrics(Map<?, ?> members) {
        return new UsageMetrics(number(members, VOLUME), number(members, BYTES));
    }

    private static String text(Map<?, ?> members, String name) {
        if (members.get(name) instanceof String text) {
            return text;
        }
        throw wrongMember(name, "a string", members.get(name));
    }

    private static long number(Map<?, ?> members, String name) {
        Object value = members.get(name);
        if (value instanceof Integer || value instanceof Long) {
            return ((Number) value).longValue();
        }
        if (value instanceof BigInteger large && large.bitLength() < Long.SIZE) {
            return large.longValue();
        }
        throw wrongMember(name, "a whole number of at most " + Long.MAX_VALUE, value);
    }

    private static IllegalArgumentException wrongMember(String name, String type, @Nullable Object value) {
        return new IllegalArgumentException(name + " must be " + type + ", but was " + value);
    }
}
