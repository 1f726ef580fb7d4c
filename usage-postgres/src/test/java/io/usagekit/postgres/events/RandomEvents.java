package io.usagekit.postgres.events;

import io.usagekit.events.Endpoint;
import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Payload;
import io.usagekit.events.Project;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/**
 * Events of a project as a hostile month would have them, filters, and which events meet them in which order, found the slow and
 * obvious way: the oracle.
 */
final class RandomEvents {

    static final String PROJECT = "project";

    /** An event and whether it is deleted. */
    record Row(NewEvent event, boolean deleted) {

        String id() {
            return event.id();
        }

        private String header() {
            return event.headers().getOrDefault(Event.BROKER_MESSAGE_ID, "");
        }
    }

    /**
     * A filter by one thing, and what it means.
     *
     * @param by what it filters by: two by the same thing don't go together
     */
    record Condition(String name, String by, UnaryOperator<EventFilter.Builder> filter, Predicate<Row> test) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static final Instant FIRST = Instant.parse("2026-03-01T00:00:00Z");
    private static final EventWindow WINDOW = EventWindow.between(FIRST.plusSeconds(5), FIRST.plusSeconds(30));

    /** Two of each kind where the empty text means something. */
    static final List<Condition> CONDITIONS = List.of(
            new Condition(
                    "window",
                    "window",
                    b -> b.window(WINDOW),
                    r -> !at(r).isBefore(FIRST.plusSeconds(5)) && at(r).isBefore(FIRST.plusSeconds(30))),
            ofEndpoints("endpoints", "endpoints", b -> b.endpointIds(List.of("ep-1", "ep-2"))),
            ofEndpoints(
                    "endpoints, many",
                    "endpoints",
                    b -> b.endpointIds(
                            IntStream.range(2, 100).mapToObj(n -> "ep-" + n).toList())),
            ofEndpoints("owner", "owner", b -> b.ownerId("owner")),
            ofEndpoints("no owner", "owner", b -> b.ownerId("")),
            new Condition(
                    "source",
                    "source",
                    b -> b.sourceIds(List.of("src-1")),
                    r -> r.event().sourceId().equals("src-1")),
            new Condition(
                    "sources",
                    "source",
                    b -> b.sourceIds(List.of("src-2", "")),
                    r -> r.event().sourceId().equals("src-2")
                            || r.event().sourceId().isEmpty()),
            new Condition(
                    "key",
                    "key",
                    b -> b.idempotencyKey("key-1"),
                    r -> r.event().idempotencyKey().equals("key-1")),
            new Condition(
                    "no key",
                    "key",
                    b -> b.idempotencyKey(""),
                    r -> r.event().idempotencyKey().isEmpty()),
            new Condition(
                    "message",
                    "message",
                    b -> b.brokerMessageId("m-1"),
                    r -> r.header().equals("m-1")),
            new Condition(
                    "no message",
                    "message",
                    b -> b.brokerMessageId(""),
                    r -> r.header().isEmpty()),
            new Condition(
                    "type", "type", b -> b.type("type-1"), r -> r.event().type().equals("type-1")),
            new Condition(
                    "no type", "type", b -> b.type(""), r -> r.event().type().isEmpty()),
            new Condition(
                    "status",
                    "status",
                    b -> b.status("status-1"),
                    r -> r.event().status().equals("status-1")),
            new Condition(
                    "text",
                    "text",
                    b -> b.text("ALPHA, type"),
                    r -> r.event().payload().raw().toLowerCase(Locale.ROOT).contains("alpha")
                            && !r.event().type().isEmpty()),
            new Condition("no text", "text", b -> b.text(""), r -> false),
            new Condition(
                    "search",
                    "search",
                    b -> b.search("\"DELTA alpha\" OR beta -gamma"),
                    r -> (r.event().payload().raw().contains("delta, alpha")
                                    || r.event().payload().raw().contains("beta"))
                            && !r.event().payload().raw().contains("gamma")),
            new Condition("any state", "state", b -> b.state(EventFilter.State.ANY), r -> true));

    /** The endpoints that conditions of endpoints mean; one endpoint of an event has to be meant by all of them. */
    private static final Map<String, Set<String>> ENDPOINTS = Map.of(
            "endpoints", Set.of("ep-1", "ep-2"),
            "endpoints, many", Set.of("ep-2", "ep-3", "ep-4", "ep-5"),
            "owner", Set.of("ep-2", "ep-3"),
            "no owner", Set.of("ep-1"));

    private static Condition ofEndpoints(String name, String by, UnaryOperator<EventFilter.Builder> filter) {
        return new Condition(name, by, filter, row -> true);
    }

    private final Random random;
    private final List<Row> rows = new ArrayList<>();
    private int made;

    RandomEvents(Random random) {
        this.random = random;
    }

    private static Instant at(Row row) {
        return row.event().createdAt().orElseThrow();
    }

    /** Records so many events, and others in another project; deletes some of them. */
    void record(EventRepository ledger, String schema, int count) {
        ledger.save(new Project(PROJECT, "org-1", ""));
        ledger.save(new Project("noise", "org-1", ""));
        ledger.save(new Endpoint("ep-1", PROJECT, "", ""));
        ledger.save(new Endpoint("ep-2", PROJECT, "owner", ""));
        ledger.save(new Endpoint("ep-3", PROJECT, "owner", ""));
        ledger.save(new Endpoint("ep-4", "noise", "owner", ""));
        List<NewEvent> events = new ArrayList<>();
        List<NewEvent> noise = new ArrayList<>();
        Set<String> deleted = new HashSet<>();
        for (int i = 0; i < count; i++) {
            NewEvent event = next(PROJECT, "");
            events.add(event);
            noise.add(next("noise", ""));
            if (random.nextInt(6) == 0) {
                deleted.add(event.id());
            }
            rows.add(new Row(event, deleted.contains(event.id())));
        }
        ledger.recordAll(events);
        ledger.recordAll(noise);
        ledger.tokenise(PROJECT, EventWindow.ALL);
        Database.execute("update " + Identifiers.qualified(schema, "events") + " set deleted_at = now() where id in ("
                + Identifiers.literals(deleted) + ")");
        Database.execute(
                "analyze " + Identifiers.qualified(schema, "events"),
                "analyze " + Identifiers.qualified(schema, "events_endpoints"));
    }

    /** Returns a random event, created at one of a few instants. */
    NewEvent next(String project, String prefix) {
        int n = ++made;
        NewEvent.Builder event = NewEvent.builder(project, prefix + any("e", "E", "é", "10", "9", "_") + n)
                .createdAt(FIRST.plusSeconds(random.nextInt(40)).plusNanos(random.nextInt(3) * 1_000L))
                .type(any("", "type-1", "type-1", "type-2"))
                .status(any("", "status-1", "status-1", "status-2"))
                .sourceId(any("", "src-1", "src-1", "src-2", "src-3"))
                .idempotencyKey(any("", "key-1", "key-1", "key-2"))
                .payload(Payload.of(any("Alpha", "beta", "") + " " + any("gamma", "delta, alpha", "")));
        if (random.nextBoolean()) {
            event.headers(Map.of(Event.BROKER_MESSAGE_ID, any("m-1", "m-1", "m-2", "")));
        }
        Set<String> endpoints = new HashSet<>();
        while (random.nextInt(3) > 0) {
            endpoints.add("ep-" + (1 + random.nextInt(5)));
        }
        return event.endpointIds(endpoints).build();
    }

    private String any(String... texts) {
        return texts[random.nextInt(texts.length)];
    }

    /** Returns the filter of all these conditions. */
    static EventFilter filter(List<Condition> conditions) {
        EventFilter.Builder filter = EventFilter.builder();
        for (Condition condition : conditions) {
            filter = condition.filter().apply(filter);
        }
        return filter.build();
    }

    /** Returns the ids of the events that meet all these conditions, in order. */
    List<String> meeting(List<Condition> conditions, EventOrder order) {
        boolean live =
                conditions.stream().noneMatch(condition -> condition.name().equals("any state"));
        List<Set<String>> meant = conditions.stream()
                .filter(condition -> ENDPOINTS.containsKey(condition.name()))
                .map(condition -> ENDPOINTS.get(condition.name()))
                .toList();
        Comparator<Row> ascending = Comparator.comparing(RandomEvents::at)
                .thenComparing(
                        Row::id,
                        (a, b) -> Arrays.compare(
                                a.codePoints().toArray(), b.codePoints().toArray()));
        return rows.stream()
                .filter(row -> !live || !row.deleted())
                .filter(row -> conditions.stream().allMatch(c -> c.test().test(row)))
                .filter(row -> meant.isEmpty()
                        || row.event().endpointIds().stream()
                                .anyMatch(id -> meant.stream().allMatch(ids -> ids.contains(id))))
                .sorted(order == EventOrder.ASCENDING ? ascending : ascending.reversed())
                .map(Row::id)
                .toList();
    }
}
