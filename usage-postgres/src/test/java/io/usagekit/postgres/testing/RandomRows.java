package io.usagekit.postgres.testing;

import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.ProjectScope;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Projects, events and deliveries as a hostile month would have them, and the figures summed up from them the slow and obvious
 * way: the oracle.
 */
public record RandomRows(List<Project> projects, List<Event> events, List<Delivery> deliveries) {

    public record Project(String id, String organisation, boolean deleted) {}

    @SuppressWarnings("ArrayRecordComponent") // never compared
    public record Event(
            String id,
            String project,
            @Nullable String raw,
            byte @Nullable [] data,
            String document,
            @Nullable Instant createdAt,
            boolean deleted) {}

    public record Delivery(
            String id,
            String project,
            String event,
            String status,
            @Nullable Instant createdAt) {}

    private static final List<String> STATUSES =
            List.of("Success", "Success", "Success", "Delivered", "Failure", "Retry", "success", "Success ");
    private static final int[] LETTERS = {'a', 'Z', ' ', '\n', 0x00e9, 0x0301, 0x65e5, 0x1f600};
    private static final Instant FIRST = Instant.parse("2026-01-15T00:00:00Z");
    private static final Duration SPAN = Duration.ofDays(100);

    /** Months of three zones, one of them with a change of clocks, and windows that begin and end anywhere. */
    public static List<UsagePeriod> windows(Random random) {
        YearMonth march = YearMonth.of(2026, 3);
        ZoneId newYork = ZoneId.of("America/New_York");
        List<UsagePeriod> windows = new ArrayList<>(List.of(
                UsagePeriod.month(march),
                UsagePeriod.month(march.minusMonths(1)),
                UsagePeriod.month(march, ZoneId.of("Asia/Kolkata")),
                UsagePeriod.month(march, newYork),
                UsagePeriod.day(LocalDate.of(2026, 3, 8), newYork),
                UsagePeriod.billingCycle(march.minusMonths(2), 31)));
        for (int i = 0; i < 3; i++) {
            Instant start = FIRST.plus(random.nextLong(SPAN.toNanos() / 1_000), ChronoUnit.MICROS);
            windows.add(UsagePeriod.between(
                    start, start.plus(1 + random.nextLong(40_000_000_000L * 60), ChronoUnit.MICROS)));
        }
        return windows;
    }

    public static RandomRows generate(Random random, List<UsagePeriod> windows, int size) {
        List<Project> projects = new ArrayList<>();
        for (int i = 0; i < 14; i++) {
            // Never none deleted and never all: chance alone would leave none in one run of fifty.
            boolean deleted = i == 0 || (i > 1 && random.nextInt(4) == 0);
            projects.add(new Project("p" + i, "org-" + i % 5, deleted));
        }
        List<Event> events = new ArrayList<>();
        for (int i = 0; i < size; i++) {
            events.add(new Event(
                    "e" + i,
                    any(random, projects).id(),
                    random.nextInt(20) == 0 ? null : text(random, payloadSize(random)),
                    random.nextInt(20) == 0 ? null : bytes(random, payloadSize(random)),
                    "{\"n\":" + random.nextInt(1_000_000) + ",  \"text\":\""
                            + text(random, random.nextInt(40)).replace("\n", "") + "\"}",
                    instant(random, windows),
                    random.nextInt(6) == 0));
        }
        List<Delivery> deliveries = new ArrayList<>();
        for (int i = 0; i < size * 2; i++) {
            Event event = any(random, events);
            deliveries.add(new Delivery(
                    "d" + i,
                    // Nearly always the event's own project, as it should be; the figure must be right when it isn't.
                    random.nextInt(50) == 0 ? any(random, projects).id() : event.project(),
                    event.id(),
                    any(random, STATUSES),
                    instant(random, windows)));
        }
        return new RandomRows(projects, events, deliveries);
    }

    private static <T> T any(Random random, List<T> from) {
        return from.get(random.nextInt(from.size()));
    }

    /** Mostly small, some empty, some large enough to be stored out of line, up to 100 kB. */
    private static int payloadSize(Random random) {
        return switch (random.nextInt(30)) {
            case 0 -> random.nextInt(100_000 / 4);
            case 1, 2 -> 0;
            case 3, 4 -> 2_000 + random.nextInt(3_000);
            default -> random.nextInt(200);
        };
    }

    private static String text(Random random, int codePoints) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < codePoints; i++) {
            text.appendCodePoint(LETTERS[random.nextInt(LETTERS.length)]);
        }
        return text.toString();
    }

    private static byte[] bytes(Random random, int length) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }

    /** Returns an instant: every other one is an edge of a window or a microsecond beside it; a few belong to no window. */
    private static @Nullable Instant instant(Random random, List<UsagePeriod> windows) {
        if (random.nextInt(40) == 0) {
            return null;
        }
        if (random.nextBoolean()) {
            UsagePeriod window = any(random, windows);
            return (random.nextBoolean() ? window.start() : window.end())
                    .plus(random.nextInt(3) - 1, ChronoUnit.MICROS);
        }
        return FIRST.plus(random.nextLong(SPAN.toNanos() / 1_000), ChronoUnit.MICROS);
    }

    public List<String> organisations() {
        return projects.stream().map(Project::organisation).distinct().toList();
    }

    /** Octets of the text column and the byte column together, counted here. */
    public static long rawAndData(Event event) {
        return raw(event) + data(event);
    }

    public static long raw(Event event) {
        return event.raw() == null ? 0 : event.raw().getBytes(StandardCharsets.UTF_8).length;
    }

    public static long data(Event event) {
        return event.data() == null ? 0 : event.data().length;
    }

    /** The same rows of a host that deletes for good: rows that were marked as deleted are missing, or belong to no project. */
    public RandomRows withEventsOfDeletedElsewhere() {
        return new RandomRows(
                projects,
                events.stream()
                        .map(e -> e.deleted()
                                ? new Event(e.id(), "elsewhere", e.raw(), e.data(), e.document(), e.createdAt(), false)
                                : e)
                        .toList(),
                deliveries);
    }

    /** Computes the expected figure. */
    public CombinedQuery.Totals totals(
            String organisation,
            UsagePeriod window,
            List<String> deliveredStatuses,
            ProjectScope which,
            ToLongFunction<Event> octets) {
        Map<String, Project> counted = new HashMap<>();
        for (Project project : projects) {
            if (project.organisation().equals(organisation) && (which == ProjectScope.ALL || !project.deleted())) {
                counted.put(project.id(), project);
            }
        }
        Map<String, Event> byId = new HashMap<>();
        UsageMetrics received = UsageMetrics.ZERO;
        for (Event event : events) {
            byId.put(event.id(), event);
            if (counted.containsKey(event.project()) && contains(window, event.createdAt()) && !event.deleted()) {
                received = received.plus(new UsageMetrics(1, octets.applyAsLong(event)));
            }
        }
        UsageMetrics sent = UsageMetrics.ZERO;
        for (Delivery delivery : deliveries) {
            if (counted.containsKey(delivery.project())
                    && contains(window, delivery.createdAt())
                    && deliveredStatuses.contains(delivery.status())) {
                Event event = Objects.requireNonNull(byId.get(delivery.event()));
                sent = sent.plus(new UsageMetrics(1, octets.applyAsLong(event)));
            }
        }
        return new CombinedQuery.Totals(received, sent);
    }

    private static boolean contains(UsagePeriod window, @Nullable Instant instant) {
        return instant != null && !instant.isBefore(window.start()) && instant.isBefore(window.end());
    }
}
