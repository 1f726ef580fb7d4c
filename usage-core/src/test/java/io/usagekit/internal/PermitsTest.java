package io.usagekit.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.internal.Permits.Urgency;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PermitsTest {

    private static final String A = "org-a";
    private static final String B = "org-b";
    private static final String C = "org-c";

    /** What was granted, and what was refused, in that order. */
    private final List<String> granted = new ArrayList<>();

    private final List<String> refused = new ArrayList<>();

    @Test
    void noMoreRunThanTheTotal() {
        Permits permits = new Permits(2, 2, 10);
        Permits.Ticket first = ask(permits, A, "a1");
        ask(permits, B, "b1");
        ask(permits, C, "c1");
        assertThat(granted).containsExactly("a1", "b1");
        assertThat(permits.waiting()).isEqualTo(1);

        first.close();

        assertThat(granted).containsExactly("a1", "b1", "c1");
        assertThat(permits.waiting()).isZero();
    }

    @Test
    void noMoreOfOneOrganisationRunThanItsShareAndOthersPassIt() {
        Permits permits = new Permits(3, 1, 10);
        Permits.Ticket first = ask(permits, A, "a1");
        ask(permits, A, "a2");
        ask(permits, B, "b1");
        assertThat(granted).containsExactly("a1", "b1");

        first.close();

        assertThat(granted).containsExactly("a1", "b1", "a2");
    }

    @Test
    void organisationsTakeTurnsHoweverManyOneHasWaiting() {
        Permits permits = new Permits(1, 1, 100);
        Permits.Ticket running = ask(permits, A, "a1");
        Map<String, Permits.Ticket> tickets = new HashMap<>();
        for (String name : List.of("a2", "a3", "a4", "b1", "b2", "c1")) {
            tickets.put(name, ask(permits, "org-" + name.charAt(0), name));
        }

        running.close();
        while (tickets.size() > 0) {
            String last = granted.get(granted.size() - 1);
            Permits.Ticket ticket = tickets.remove(last);
            assertThat(ticket).as("granted once: %s", last).isNotNull();
            ticket.close();
        }

        assertThat(granted).containsExactly("a1", "b1", "c1", "a2", "b2", "a3", "a4");
        assertThat(permits.isIdle()).isTrue();
    }

    @Test
    void withinAnOrganisationTheFirstToComeIsTheFirstToRun() {
        Permits permits = new Permits(4, 1, 100);
        Permits.Ticket first = ask(permits, A, "a1");
        Permits.Ticket second = ask(permits, A, "a2");
        ask(permits, A, "a3");
        first.close();
        second.close();
        assertThat(granted).containsExactly("a1", "a2", "a3");
    }

    @Test
    void whoFindsTheQueueFullIsRefused() {
        Permits permits = new Permits(1, 1, 2);
        ask(permits, A, "a1");
        ask(permits, A, "a2");
        ask(permits, B, "b1");
        assertThat(permits.request(C, Urgency.WAITS, holder("c1"))).isEmpty();
        assertThat(permits.request(A, Urgency.WAITS, holder("a3"))).isEmpty();
        assertThat(permits.waiting()).isEqualTo(2);
        assertThat(granted).containsExactly("a1");
        assertThat(refused).as("told by the answer alone").isEmpty();
    }

    @Test
    void aQueueOfNoneStillGrantsWhatIsFree() {
        Permits permits = new Permits(1, 1, 0);
        Permits.Ticket first = ask(permits, A, "a1");
        assertThat(permits.request(B, Urgency.WAITS, holder("b1"))).isEmpty();
        first.close();
        ask(permits, B, "b2");
        assertThat(granted).containsExactly("a1", "b2");
    }

    @Test
    void whoDoesntWaitNeverQueues() {
        Permits permits = new Permits(2, 1, 10);
        Permits.Ticket first =
                permits.request(A, Urgency.NOW_OR_NOT, holder("a1")).orElseThrow();
        assertThat(permits.request(A, Urgency.NOW_OR_NOT, holder("a2")))
                .as("its organisation's share is taken")
                .isEmpty();
        ask(permits, B, "b1");
        assertThat(permits.request(C, Urgency.NOW_OR_NOT, holder("c1")))
                .as("all are taken")
                .isEmpty();
        assertThat(permits.waiting()).isZero();
        first.close();
        assertThat(granted).containsExactly("a1", "b1");
    }

    @Test
    void aTicketThatWaitsAndIsClosedFreesItsPlaceAndIsNeverGranted() {
        Permits permits = new Permits(1, 1, 1);
        Permits.Ticket running = ask(permits, A, "a1");
        Permits.Ticket waiting = ask(permits, B, "b1");
        waiting.close();
        assertThat(permits.waiting()).isZero();
        Permits.Ticket next = ask(permits, C, "c1");
        running.close();
        next.close();
        assertThat(granted).containsExactly("a1", "c1");
        assertThat(permits.isIdle()).isTrue();
    }

    @Test
    void closingATicketTwiceGivesOnePermitBack() {
        Permits permits = new Permits(1, 1, 10);
        Permits.Ticket first = ask(permits, A, "a1");
        first.close();
        ask(permits, B, "b1");
        first.close();
        ask(permits, C, "c1");
        assertThat(granted).containsExactly("a1", "b1");
        assertThat(permits.waiting()).isEqualTo(1);
    }

    @Test
    void closingRefusesAllWhoWaitAndAllWhoCome() {
        Permits permits = new Permits(1, 1, 10);
        Permits.Ticket running = ask(permits, A, "a1");
        ask(permits, A, "a2");
        Permits.Ticket waiting = ask(permits, B, "b1");

        permits.close();
        permits.close();

        assertThat(refused).containsExactlyInAnyOrder("a2", "b1");
        assertThat(permits.waiting()).isZero();
        running.close();
        waiting.close();
        assertThat(permits.request(C, Urgency.WAITS, holder("c1"))).isEmpty();
        assertThat(granted).as("what runs goes on, and nobody follows").containsExactly("a1");
        assertThat(permits.waiting()).isZero();
    }

    @Test
    void whoGivesItsPermitBackAtOnceDoesntNestTheNext() {
        int many = 100_000;
        Permits permits = new Permits(1, 1, many);
        Permits.Ticket first = ask(permits, A, "a1");
        AtomicInteger ran = new AtomicInteger();
        for (int i = 0; i < many; i++) {
            CompletableFuture<Permits.Ticket> ticket = new CompletableFuture<>();
            ticket.complete(permits.request("org-" + i % 7, Urgency.WAITS, new Permits.Holder() {
                        @Override
                        public void granted() {
                            ran.incrementAndGet();
                            ticket.join().close();
                        }

                        @Override
                        public void refused() {}
                    })
                    .orElseThrow());
        }

        first.close();

        assertThat(ran).hasValue(many);
        assertThat(permits.isIdle()).isTrue();
    }

    /** A second, slow and obvious account of the same: one request or one close at a time. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void anySequenceOfCallsGoesAsTheModelSays(long offset) {
        long seed = Long.getLong("usagekit.seed", 20_260_317L) + offset;
        Random random = new Random(seed);
        int total = 1 + random.nextInt(4);
        int share = 1 + random.nextInt(total);
        int queue = random.nextInt(6);
        Permits permits = new Permits(total, share, queue);
        Model model = new Model(total, share, queue);
        Map<String, Permits.Ticket> open = new HashMap<>();
        for (int i = 0; i < 2_000; i++) {
            if (random.nextInt(5) < 3 || open.isEmpty()) {
                String name = "org-" + random.nextInt(4) + "#" + i;
                Urgency urgency = random.nextInt(3) == 0 ? Urgency.NOW_OR_NOT : Urgency.WAITS;
                Optional<Permits.Ticket> ticket = permits.request(Model.organisation(name), urgency, holder(name));
                assertThat(ticket.isPresent())
                        .as("seed %d, step %d: %s %s", seed, i, name, urgency)
                        .isEqualTo(model.request(name, urgency));
                ticket.ifPresent(given -> open.put(name, given));
            } else {
                String name = List.copyOf(open.keySet()).get(random.nextInt(open.size()));
                Objects.requireNonNull(open.remove(name)).close();
                model.close(name);
            }
            assertThat(granted).as("seed %d, step %d: granted", seed, i).isEqualTo(model.granted);
            assertThat(permits.waiting())
                    .as("seed %d, step %d: waiting", seed, i)
                    .isEqualTo(model.waiting.size());
        }
        open.values().forEach(Permits.Ticket::close);
        assertThat(permits.isIdle()).as("seed %d: nothing is left", seed).isTrue();
    }

    @Test
    void manyThreadsNeverRunMoreThanMayAndNothingIsLeft() throws Exception {
        long seed = Long.getLong("usagekit.seed", System.nanoTime());
        int threads = 16;
        Crowd crowd = new Crowd(5, 2, 40);
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        CyclicBarrier start = new CyclicBarrier(threads);
        List<Future<?>> users = new ArrayList<>();
        for (int t = 0; t < threads; t++) {
            Random random = new Random(seed + t);
            users.add(executor.submit(() -> {
                start.await();
                crowd.askManyTimes(random);
                return null;
            }));
        }
        for (Future<?> user : users) {
            user.get(60, TimeUnit.SECONDS);
        }
        executor.shutdownNow();
        assertThat(crowd.violations).as("seed %d", seed).isEmpty();
        assertThat(crowd.mostAtOnce).as("seed %d: the most at once", seed).hasValue(5);
        assertThat(crowd.permits.isIdle()).as("seed %d: nothing is left", seed).isTrue();
    }

    private Permits.Ticket ask(Permits permits, String organisation, String name) {
        return permits.request(organisation, Urgency.WAITS, holder(name)).orElseThrow();
    }

    private Permits.Holder holder(String name) {
        return new Permits.Holder() {
            @Override
            public void granted() {
                granted.add(name);
            }

            @Override
            public void refused() {
                refused.add(name);
            }
        };
    }

    /** Many who ask, run for a while or give up, and count each other. */
    private static final class Crowd {
        final Permits permits;
        final Queue<String> violations = new ConcurrentLinkedQueue<>();
        final AtomicInteger mostAtOnce = new AtomicInteger();

        private final int total;
        private final int share;
        private final AtomicInteger running = new AtomicInteger();
        private final Map<String, AtomicInteger> ofOrganisation = new ConcurrentHashMap<>();

        Crowd(int total, int share, int queue) {
            this.total = total;
            this.share = share;
            this.permits = new Permits(total, share, queue);
        }

        void askManyTimes(Random random) {
            Queue<User> mine = new ArrayDeque<>();
            for (int i = 0; i < 3_000; i++) {
                User user = new User("org-" + random.nextInt(6));
                user.ask(random.nextInt(4) == 0 ? Urgency.NOW_OR_NOT : Urgency.WAITS);
                mine.add(user);
                if (mine.size() > random.nextInt(4)) {
                    mine.remove().leave();
                }
            }
            mine.forEach(User::leave);
        }

        private final class User implements Permits.Holder {
            final String organisation;
            final AtomicReference<String> state = new AtomicReference<>("waits");
            Optional<Permits.Ticket> ticket = Optional.empty();

            User(String organisation) {
                this.organisation = organisation;
            }

            void ask(Urgency urgency) {
                ticket = permits.request(organisation, urgency, this);
            }

            @Override
            public void granted() {
                if (state.compareAndSet("waits", "runs")) {
                    int now = running.incrementAndGet();
                    int ofThese = count().incrementAndGet();
                    mostAtOnce.accumulateAndGet(now, Math::max);
                    if (now > total || ofThese > share) {
                        violations.add(now + " run, " + ofThese + " of " + organisation);
                    }
                } else if (!"has given up".equals(state.get())) {
                    violations.add("granted once more");
                }
            }

            @Override
            public void refused() {
                violations.add("refused though nobody closed");
            }

            void leave() {
                if (!state.compareAndSet("waits", "has given up")) {
                    running.decrementAndGet();
                    count().decrementAndGet();
                }
                ticket.ifPresent(Permits.Ticket::close);
            }

            private AtomicInteger count() {
                return ofOrganisation.computeIfAbsent(organisation, id -> new AtomicInteger());
            }
        }
    }

    /**
     * All who wait stand in one line. Whose turn it is: of the organisations with a share left, the one that has been
     * waiting for its turn longest, and of that one the first in the line.
     */
    private static final class Model {
        final List<String> granted = new ArrayList<>();
        final List<String> waiting = new ArrayList<>();
        final List<String> running = new ArrayList<>();
        /** The organisations that could have the next permit, in turn. */
        final List<String> turns = new ArrayList<>();

        private final int total;
        private final int share;
        private final int queue;

        Model(int total, int share, int queue) {
            this.total = total;
            this.share = share;
            this.queue = queue;
        }

        static String organisation(String name) {
            return name.substring(0, name.indexOf('#'));
        }

        boolean request(String name, Urgency urgency) {
            String organisation = organisation(name);
            boolean overtakes =
                    waiting.stream().anyMatch(other -> organisation(other).equals(organisation));
            if (running.size() < total && running(organisation) < share && !overtakes) {
                grant(name);
                return true;
            }
            if (urgency == Urgency.NOW_OR_NOT || waiting.size() >= queue) {
                return false;
            }
            waiting.add(name);
            updateTurns();
            return true;
        }

        void close(String name) {
            if (!running.remove(name)) {
                waiting.remove(name);
            }
            updateTurns();
            if (running.size() < total && !turns.isEmpty()) {
                String organisation = turns.remove(0);
                String next = waiting.stream()
                        .filter(other -> organisation(other).equals(organisation))
                        .findFirst()
                        .orElseThrow();
                waiting.remove(next);
                grant(next);
                updateTurns();
            }
        }

        private void grant(String name) {
            running.add(name);
            granted.add(name);
        }

        private long running(String organisation) {
            return running.stream()
                    .filter(other -> organisation(other).equals(organisation))
                    .count();
        }

        private void updateTurns() {
            turns.removeIf(organisation -> !mayBeNext(organisation));
            for (String name : waiting) {
                if (mayBeNext(organisation(name)) && !turns.contains(organisation(name))) {
                    turns.add(organisation(name));
                }
            }
        }

        private boolean mayBeNext(String organisation) {
            return running(organisation) < share
                    && waiting.stream().anyMatch(other -> organisation(other).equals(organisation));
        }
    }
}
