package io.usagekit.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.internal.Permits.Urgency;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One permit for several organisations, beside permits for one. */
class PermitsBatchTest {

    private static final String A = "org-a";
    private static final String B = "org-b";
    private static final String C = "org-c";

    /** One request: which organisations take part, and what became of it. */
    private static class Request implements Permits.BatchHolder {
        Set<String> organisations;
        boolean granted;
        boolean refused;
        Optional<Permits.Ticket> ticket = Optional.empty();

        Request(String... organisations) {
            this.organisations = new LinkedHashSet<>(List.of(organisations));
        }

        Request single(Permits permits, Urgency urgency) {
            ticket = permits.request(organisations.iterator().next(), urgency, this);
            return this;
        }

        Request batch(Permits permits, Urgency urgency) {
            ticket = permits.requestFor(organisations, urgency, this);
            return this;
        }

        @Override
        public void admitted(Set<String> organisationIds) {
            assertThat(organisations).containsAll(organisationIds);
            organisations = organisationIds;
        }

        @Override
        public void granted() {
            assertThat(granted || refused).as("granted once").isFalse();
            granted = true;
        }

        @Override
        public void refused() {
            refused = true;
        }

        void close() {
            ticket.ifPresent(Permits.Ticket::close);
        }
    }

    @Test
    void batchTakesOneOfAllAndOneOfEach() {
        Permits permits = new Permits(2, 1, 10);
        Request batch = new Request(A, B).batch(permits, Urgency.WAITS);
        assertThat(batch.granted).isTrue();
        assertThat(permits.inUse()).isEqualTo(1);
        Request ofA = new Request(A).single(permits, Urgency.WAITS);
        Request ofC = new Request(C).single(permits, Urgency.WAITS);
        assertThat(ofA.granted).as("its organisation's permit is in the batch").isFalse();
        assertThat(ofC.granted).isTrue();
        batch.close();
        assertThat(ofA.granted).isTrue();
        ofA.close();
        ofC.close();
        assertThat(permits.isIdle()).isTrue();
    }

    @Test
    void organisationWithoutPermitLeftTakesNoPart() {
        Permits permits = new Permits(3, 1, 10);
        Request ofA = new Request(A).single(permits, Urgency.WAITS);
        Request waiting = new Request(A).single(permits, Urgency.WAITS);
        Request batch = new Request(A, B, C).batch(permits, Urgency.WAITS);
        assertThat(batch.organisations).containsExactly(B, C);
        assertThat(batch.granted).isTrue();
        Request none = new Request(A, B).batch(permits, Urgency.WAITS);
        assertThat(none.organisations).isEmpty();
        assertThat(none.ticket).isEmpty();
        List.of(ofA, waiting, batch).forEach(Request::close);
        assertThat(permits.isIdle()).isTrue();
    }

    @Test
    void waitingBatchIsGrantedInItsTurnAndRefusedWhereItCannotWait() {
        Permits permits = new Permits(1, 1, 2);
        Request first = new Request(C).single(permits, Urgency.WAITS);
        Request batch = new Request(A, B).batch(permits, Urgency.WAITS);
        assertThat(batch.granted).isFalse();
        assertThat(permits.waiting()).as("it waits once").isEqualTo(1);
        assertThat(new Request("org-d", "org-e").batch(permits, Urgency.NOW_OR_NOT).ticket)
                .isEmpty();
        Request ofB = new Request(B).single(permits, Urgency.WAITS);
        assertThat(new Request("org-d", "org-e").batch(permits, Urgency.WAITS).ticket)
                .as("queue full")
                .isEmpty();
        first.close();
        assertThat(batch.granted).isTrue();
        assertThat(ofB.granted).isFalse();
        batch.close();
        assertThat(ofB.granted).isTrue();
        ofB.close();
        assertThat(permits.isIdle()).isTrue();
    }

    @Test
    void batchThatStopsWaitingFreesItsPlaceInEachQueue() {
        Permits permits = new Permits(1, 1, 10);
        Request first = new Request(C).single(permits, Urgency.WAITS);
        Request batch = new Request(A, B).batch(permits, Urgency.WAITS);
        Request ofA = new Request(A).single(permits, Urgency.WAITS);
        batch.close();
        assertThat(permits.waiting()).isEqualTo(1);
        first.close();
        assertThat(batch.granted).isFalse();
        assertThat(ofA.granted).isTrue();
        ofA.close();
        assertThat(permits.isIdle()).isTrue();
    }

    @Test
    void closingRefusesWaitingBatchOnce() {
        Permits permits = new Permits(1, 1, 10);
        new Request(C).single(permits, Urgency.WAITS);
        int[] refusals = new int[1];
        Request batch = new Request(A, B) {
            @Override
            public void refused() {
                refusals[0]++;
            }
        };
        batch.batch(permits, Urgency.WAITS);
        permits.close();
        assertThat(refusals[0]).isEqualTo(1);
        Request late = new Request(A, B).batch(permits, Urgency.WAITS);
        assertThat(late.ticket).isEmpty();
        assertThat(late.organisations).as("all of them are refused").containsExactly(A, B);
    }

    /** After each step: no limit is exceeded, and no request waits for which there is room. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    void neitherExceedsLimitsNorLeavesRoomUnused(long offset) {
        long seed = Long.getLong("usagekit.seed", new Random().nextLong()) + offset;
        System.out.println("PermitsBatchTest seed " + seed);
        Random random = new Random(seed);
        int total = 1 + random.nextInt(4);
        int share = 1 + random.nextInt(total);
        Permits permits = new Permits(total, share, 8);
        Map<Integer, Request> open = new LinkedHashMap<>();
        for (int i = 0; i < 2_000; i++) {
            if (random.nextInt(5) < 3 || open.isEmpty()) {
                Urgency urgency = random.nextInt(3) == 0 ? Urgency.NOW_OR_NOT : Urgency.WAITS;
                Request request = random.nextBoolean()
                        ? new Request("org-" + random.nextInt(5)).single(permits, urgency)
                        : new Request("org-" + random.nextInt(2), "org-" + (2 + random.nextInt(3)))
                                .batch(permits, urgency);
                if (request.ticket.isPresent()) {
                    open.put(i, request);
                }
            } else {
                Integer which = List.copyOf(open.keySet()).get(random.nextInt(open.size()));
                Objects.requireNonNull(open.remove(which)).close();
            }
            check(permits, open.values(), total, share, "seed " + seed + ", step " + i);
        }
        while (!open.isEmpty()) {
            Integer granted = open.entrySet().stream()
                    .filter(entry -> entry.getValue().granted)
                    .map(Map.Entry::getKey)
                    .findFirst()
                    .orElseThrow(() -> new AssertionError("seed " + seed + ": all wait, and none runs"));
            Objects.requireNonNull(open.remove(granted)).close();
        }
        assertThat(permits.isIdle()).as("seed %s: nothing is left", seed).isTrue();
    }

    private static void check(Permits permits, Iterable<Request> open, int total, int share, String when) {
        Map<String, Integer> running = new HashMap<>();
        int inUse = 0;
        List<Request> waiting = new ArrayList<>();
        for (Request request : open) {
            if (request.granted) {
                inUse++;
                request.organisations.forEach(organisation -> running.merge(organisation, 1, Integer::sum));
            } else {
                waiting.add(request);
            }
        }
        assertThat(permits.inUse()).as(when).isEqualTo(inUse).isLessThanOrEqualTo(total);
        assertThat(running.values()).as(when).allMatch(count -> count <= share);
        assertThat(permits.waiting()).as(when).isEqualTo(waiting.size());
        if (inUse < total && !waiting.isEmpty()) {
            Request oldest = waiting.get(0); // the first in each of its queues
            assertThat(oldest.organisations)
                    .as("%s: the oldest waits for one of its organisations", when)
                    .anyMatch(organisation -> running.getOrDefault(organisation, 0) >= share);
        }
    }
}
