package io.usagekit.page;

import io.usagekit.UsagePeriod;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The choice of period and zone.
 *
 * @param periods the latest months, and the chosen period if it is none of them
 * @param zones of the tz database, by their areas
 */
public record Picker(List<Option> periods, Map<String, List<Option>> zones) {

    private static final int MONTHS = 24;
    private static final String UTC = "UTC";
    private static final Set<String> AREAS = Set.of(
            "Africa",
            "America",
            "Antarctica",
            "Arctic",
            "Asia",
            "Atlantic",
            "Australia",
            "Europe",
            "Indian",
            "Pacific");

    private static final Map<String, List<String>> ZONES = ZoneId.getAvailableZoneIds().stream()
            .filter(id -> AREAS.contains(area(id)))
            .sorted()
            .collect(Collectors.groupingBy(Picker::area, TreeMap::new, Collectors.toList()));

    /**
     * One of the choices.
     *
     * @param value as a parameter
     * @param label for people
     */
    public record Option(String value, String label, boolean selected) {}

    static Picker of(UsagePeriod chosen, ZoneId zone, Instant now) {
        List<Option> periods = new ArrayList<>();
        UsagePeriod month = UsagePeriod.monthContaining(now, zone);
        for (int i = 0; i < MONTHS; i++) {
            periods.add(option(month, month.equals(chosen)));
            month = month.previous();
        }
        if (periods.stream().noneMatch(Option::selected)) {
            periods.add(chosen.start().isAfter(now) ? 0 : periods.size(), option(chosen, true));
        }
        return new Picker(periods, zones(zone.getId()));
    }

    private static Option option(UsagePeriod period, boolean selected) {
        return new Option(period.label(), Words.period(period), selected);
    }

    private static Map<String, List<Option>> zones(String chosen) {
        Map<String, List<Option>> zones = new TreeMap<>();
        ZONES.forEach((area, ids) -> zones.put(area, options(ids, chosen)));
        List<String> others = new ArrayList<>(List.of(UTC));
        boolean isListed = chosen.equals(UTC)
                || ZONES.getOrDefault(area(chosen), List.of()).contains(chosen);
        if (!isListed) {
            others.add(chosen);
        }
        zones.put("", options(others, chosen));
        return zones;
    }

    private static List<Option> options(List<String> ids, String chosen) {
        return ids.stream()
                .map(id -> new Option(id, id.replace('_', ' '), id.equals(chosen)))
                .toList();
    }

    private static String area(String id) {
        int slash = id.indexOf('/');
        return slash < 0 ? "" : id.substring(0, slash);
    }
}
