package io.usagekit.events.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Payload;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class EventPagerTest {

    private static final String CURSOR = "AQEABk0uPvGqQD-LgLMS6AFPZTEQVAQuVA3EObAFof8";
    private static final Instant AT = Instant.parse("2026-03-17T01:28:00.123456Z");

    private static Event event(String id) {
        return new Event(id, "p", "", Payload.EMPTY, Map.of(), "", "", false, "", 0, AT, Optional.empty());
    }

    private static PageRead<Event> page(EventPager pager, PageRequest request) {
        return pager.events("p", EventFilter.ALL, request);
    }

    private static String cursorOf(EventPager pager) {
        PageRequest first = PageRequest.first(1, EventOrder.ASCENDING);
        return page(pager, first)
                .read(scan -> List.of(event("e1"), event("e2")))
                .next()
                .orElseThrow();
    }

    @Test
    void aCursorIsGoodInAnotherProcessWithTheSameSecretAndInNoOther() {
        byte[] secret = "secret".getBytes(StandardCharsets.UTF_8);
        PageRequest next = PageRequest.first(1, EventOrder.ASCENDING).at(cursorOf(EventPager.withSecret(secret)));
        page(EventPager.withSecret(secret), next);
        for (EventPager other : List.of(EventPager.create(), EventPager.withSecret(new byte[] {1}))) {
            assertThatThrownBy(() -> page(other, next))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("cursor must be one that this library has given out, whole and unaltered");
        }
    }

    @Test
    void aCursorStaysTheSameFromReleaseToRelease() {
        assertThat(cursorOf(EventPager.create())).isEqualTo(CURSOR);
        assertThat(new Cursors("usagekit cursor".getBytes(StandardCharsets.UTF_8))
                        .decode(CURSOR, "events=1:1:p filter=1:14:state=1:4:LIVE order=1:9:ASCENDING")
                        .position())
                .isEqualTo(new Scan.Position(AT, "e1"));
    }

    @Test
    void aPageAsksForOneRowMoreAndForOneTheOtherWay() {
        List<Scan> asked = new ArrayList<>();
        EventPager pager = EventPager.create();
        page(pager, PageRequest.first(1, EventOrder.ASCENDING)).read(scan -> {
            asked.add(scan);
            return List.of(event("e1"), event("e2"));
        });
        page(pager, PageRequest.first(7, EventOrder.ASCENDING).at(cursorOf(pager)))
                .read(scan -> {
                    asked.add(scan);
                    return List.of(event("e2"));
                });
        assertThat(asked)
                .containsExactly(
                        new Scan(EventOrder.ASCENDING, Optional.empty(), 2),
                        new Scan(EventOrder.ASCENDING, Optional.of(new Scan.Position(AT, "e1")), 8),
                        new Scan(EventOrder.DESCENDING, Optional.of(new Scan.Position(AT, "e2")), 1));
    }

    @Test
    void filtersAreEqualWhenTheyMeanTheSame() {
        assertThat(EventFilter.builder().sourceIds(List.of("b", "a", "b")).build())
                .isEqualTo(EventFilter.builder().sourceIds(List.of("a", "b")).build())
                .hasSameHashCodeAs(
                        EventFilter.builder().sourceIds(List.of("a", "b")).build());
        List<EventFilter> different = List.of(
                EventFilter.ALL,
                EventFilter.builder().type("").build(),
                EventFilter.builder().status("").build(),
                EventFilter.builder().sourceIds(List.of()).build(),
                EventFilter.builder().sourceIds(List.of("")).build(),
                EventFilter.builder().sourceIds(List.of("a", "b")).build(),
                EventFilter.builder().sourceIds(List.of("a:1:b")).build(),
                EventFilter.builder().type("a status=1:1:b").build(),
                EventFilter.builder().type("a").status("b").build());
        assertThat(different).doesNotHaveDuplicates();
    }
}
