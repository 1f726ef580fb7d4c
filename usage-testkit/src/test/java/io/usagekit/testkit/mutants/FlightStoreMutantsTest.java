package io.usagekit.testkit.mutants;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.FlightStore.Publication;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.testkit.InMemoryFlightStore;
import io.usagekit.testkit.InMemoryUsageCache;
import io.usagekit.testkit.ManualClock;
import io.usagekit.testkit.contract.FlightStoreContract;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.extension.ExtendWith;

/** The contract of flight stores reports wrong ones. */
class FlightStoreMutantsTest {

    private static final Duration LONG = Duration.ofDays(36_500);
    private static final UsagePeriod MARCH = UsagePeriod.parse("2026-03");

    /** Makes a store of the right one; both stores of a case share the memory. */
    private interface Adapter {
        FlightStore open(FlightStore right, Memory memory);
    }

    /** What wrong stores of one case share. */
    private static final class Memory {
        final UsageCache cache;
        final Map<UsageKey, String> holders = new ConcurrentHashMap<>();
        final List<Runnable> actions = new CopyOnWriteArrayList<>();
        final Set<Runnable> registered = ConcurrentHashMap.newKeySet();
        final AtomicLong fences = new AtomicLong();

        Memory(UsageCache cache) {
            this.cache = cache;
        }
    }

    @ExtendWith(ContractRun.AdapterParameter.class)
    static final class Suite extends FlightStoreContract {

        private final ManualClock clock = ManualClock.at("2026-03-17T01:28:00Z");
        private final InMemoryUsageCache cache = InMemoryUsageCache.create(clock);
        private final Memory memory = new Memory(cache);
        private final Adapter adapter;

        Suite(Adapter adapter) {
            this.adapter = adapter;
        }

        @Override
        protected FlightStore openStore() {
            return adapter.open(InMemoryFlightStore.over(cache), memory);
        }

        @Override
        protected FlightStore openSecondStore() {
            return openStore();
        }

        @Override
        protected UsageCache openCache() {
            return InMemoryUsageCache.over(cache);
        }

        @Override
        protected void elapse(Duration duration) {
            clock.advance(duration);
        }

        @Override
        protected Duration patience() {
            return Duration.ofSeconds(1);
        }
    }

    @TestFactory
    Stream<DynamicTest> reportsEachWrongStore() {
        List<Mutant<Adapter>> mutants = new ArrayList<>();
        mutants.addAll(wrongAcquisitions());
        mutants.addAll(wrongFences());
        mutants.addAll(wrongEndsOfLeases());
        mutants.addAll(wrongFailures());
        mutants.addAll(wrongPublications());
        mutants.addAll(wrongInvalidations());
        mutants.addAll(wrongWakeUps());
        mutants.addAll(wrongClosings());
        return Mutants.tests(Suite.class, (Adapter) (right, memory) -> right, mutants);
    }

    private static Mutant<Adapter> mutant(String fault, String check, Adapter adapter) {
        return new Mutant<>(fault, check, adapter);
    }

    private static Mutant<Adapter> requested(
            String fault, String check, Function<UsageKey, UsageKey> key, UnaryOperator<LeaseRequest> change) {
        return mutant(fault, check, (store, memory) -> new ForwardingFlightStore(store) {
            @Override
            public CompletionStage<Acquisition> acquire(UsageKey given, LeaseRequest request) {
                return right.acquire(key.apply(given), change.apply(request));
            }
        });
    }

    private static Mutant<Adapter> request(String fault, String check, UnaryOperator<LeaseRequest> change) {
        return requested(fault, check, key -> key, change);
    }

    private static Mutant<Adapter> acquired(String fault, String check, UnaryOperator<Acquisition> change) {
        return mutant(fault, check, (store, memory) -> new ForwardingFlightStore(store) {
            @Override
            public CompletionStage<Acquisition> acquire(UsageKey key, LeaseRequest request) {
                return right.acquire(key, request).thenApply(change);
            }
        });
    }

    private static LeaseRequest acceptable(LeaseRequest request, Duration acceptableAge) {
        return new LeaseRequest(request.token(), request.lease(), acceptableAge, request.awaitedFence());
    }

    private static LeaseRequest lease(LeaseRequest request, Duration lease) {
        return new LeaseRequest(request.token(), lease, request.acceptableAge(), request.awaitedFence());
    }

    private static List<Mutant<Adapter>> wrongAcquisitions() {
        return List.of(
                acquired(
                        "each caller acquires the lease",
                        "givesLeaseToFirstCallerAndReportsItToOthers",
                        acquisition -> acquisition instanceof Acquisition.Held held
                                ? new Acquisition.Acquired(held.fence())
                                : acquisition),
                mutant(
                        "a lease is read and then written",
                        "givesLeaseToExactlyOneOfConcurrentCallers",
                        (store, memory) -> new ForwardingFlightStore(store) {
                            @Override
                            public CompletionStage<Acquisition> acquire(UsageKey key, LeaseRequest request) {
                                if (memory.holders.containsKey(key)) {
                                    return CompletableFuture.completedFuture(
                                            new Acquisition.Held(memory.fences.get(), request.lease()));
                                }
                                LockSupport.parkNanos(1_000);
                                memory.holders.put(key, request.token());
                                return CompletableFuture.completedFuture(
                                        new Acquisition.Acquired(memory.fences.incrementAndGet()));
                            }
                        }),
                requested(
                        "one lease an organisation",
                        "keepsLeasesPerKey",
                        key -> new UsageKey(key.organisationId(), MARCH),
                        request -> request),
                request(
                        "the token isn't recognised",
                        "extendsLeaseWhenSameTokenAcquiresAgain",
                        request -> new LeaseRequest(
                                request.token() + System.nanoTime(),
                                request.lease(),
                                request.acceptableAge(),
                                request.awaitedFence())),
                request("a lease for ever", "ignoresFormerHolderOnceLeaseIsLost", request -> lease(request, LONG)),
                request(
                        "a lease of a second",
                        "expiresLeaseUnlessRenewed",
                        request -> lease(request, Duration.ofSeconds(1))),
                request(
                        "the acceptable age with its end",
                        "findsFigureYoungerThanAcceptableAge",
                        request -> request.acceptableAge().isZero()
                                        || request.acceptableAge().compareTo(LONG) > 0
                                ? request
                                : acceptable(request, request.acceptableAge().plusNanos(1))),
                request(
                        "any age is acceptable",
                        "findsFreshFigureUnlessAcceptableAgeIsZero",
                        request -> acceptable(request, LONG)),
                request(
                        "no age is acceptable",
                        "findsFreshFigureUnlessAcceptableAgeIsZero",
                        request -> acceptable(request, Duration.ZERO)),
                request(
                        "the awaited fence is ignored",
                        "findsFigureOfAwaitedFenceOrLaterAtAnyAge",
                        request -> new LeaseRequest(
                                request.token(), request.lease(), request.acceptableAge(), OptionalLong.empty())),
                request(
                        "an awaited fence accepts any figure",
                        "findsFigureOfAwaitedFenceOrLaterAtAnyAge",
                        request -> request.awaitedFence().isPresent() ? acceptable(request, LONG) : request),
                acquired(
                        "the label of the stored figure",
                        "labelsFoundFigureAsRequested",
                        acquisition -> acquisition instanceof Acquisition.Found found
                                ? new Acquisition.Found(labelled(found.figure()))
                                : acquisition),
                request(
                        "no check of the lease",
                        "rejectsTimesBelowOneMillisecond",
                        request -> lease(request, atLeastMillisecond(request.lease()))));
    }

    private static AgedUsage labelled(AgedUsage figure) {
        OrganisationUsage usage = figure.usage();
        return new AgedUsage(
                new OrganisationUsage(usage.organisationId(), MARCH, usage.received(), usage.sent(), usage.createdAt()),
                figure.age());
    }

    private static Duration atLeastMillisecond(Duration duration) {
        return duration.compareTo(Duration.ofMillis(1)) < 0 ? Duration.ofMillis(1) : duration;
    }

    private static Mutant<Adapter> fence(String fault, UnaryOperator<Long> change) {
        return acquired(
                fault,
                "issuesGrowingFencesHoweverLeasesEnd",
                acquisition -> acquisition instanceof Acquisition.Acquired one
                        ? new Acquisition.Acquired(change.apply(one.fence()))
                        : acquisition);
    }

    private static List<Mutant<Adapter>> wrongFences() {
        return List.of(
                fence("one fence for all leases", fence -> 1L),
                fence("fences in falling order", fence -> Long.MAX_VALUE - fence),
                fence("fences start again", fence -> fence % 3),
                acquired(
                        "the fence of a held lease is missing",
                        "givesLeaseToFirstCallerAndReportsItToOthers",
                        acquisition -> acquisition instanceof Acquisition.Held held
                                ? new Acquisition.Held(0, held.remaining())
                                : acquisition));
    }

    /** A store that knows the holder of each lease, and acts in its name. */
    private static class ForHolder extends ForwardingFlightStore {
        private final Memory memory;

        ForHolder(FlightStore right, Memory memory) {
            super(right);
            this.memory = memory;
        }

        @Override
        public CompletionStage<Acquisition> acquire(UsageKey key, LeaseRequest request) {
            return right.acquire(key, request).whenComplete((acquisition, error) -> {
                if (acquisition instanceof Acquisition.Acquired) {
                    memory.holders.put(key, request.token());
                }
            });
        }

        String holder(UsageKey key, String token) {
            return memory.holders.getOrDefault(key, token);
        }
    }

    private static List<Mutant<Adapter>> wrongEndsOfLeases() {
        String check = "allowsOnlyHolderToRenewReleaseAndFail";
        return List.of(
                mutant("a renewal by another token", check, (store, memory) -> new ForHolder(store, memory) {
                    @Override
                    public CompletionStage<Boolean> renew(UsageKey key, String token, Duration lease) {
                        return right.renew(key, holder(key, token), lease);
                    }
                }),
                mutant("a release by another token", check, (store, memory) -> new ForHolder(store, memory) {
                    @Override
                    public CompletionStage<Void> release(UsageKey key, String token) {
                        return right.release(key, holder(key, token));
                    }
                }),
                mutant("a failure by another token", check, (store, memory) -> new ForHolder(store, memory) {
                    @Override
                    public CompletionStage<Void> fail(UsageKey key, String token, String reason, Duration backOff) {
                        return right.fail(key, holder(key, token), reason, backOff);
                    }
                }),
                mutant(
                        "a renewal does nothing",
                        "expiresLeaseUnlessRenewed",
                        (store, memory) -> new ForwardingFlightStore(store) {
                            @Override
                            public CompletionStage<Boolean> renew(UsageKey key, String token, Duration lease) {
                                return CompletableFuture.completedFuture(true);
                            }
                        }),
                mutant(
                        "a renewal of a lost lease succeeds",
                        "ignoresFormerHolderOnceLeaseIsLost",
                        (store, memory) -> new ForwardingFlightStore(store) {
                            @Override
                            public CompletionStage<Boolean> renew(UsageKey key, String token, Duration lease) {
                                return right.renew(key, token, lease).thenApply(renewed -> true);
                            }
                        }),
                mutant(
                        "a renewal never shortens",
                        "shortensLeaseWhenRenewedForLess",
                        (store, memory) -> new ForwardingFlightStore(store) {
                            @Override
                            public CompletionStage<Boolean> renew(UsageKey key, String token, Duration lease) {
                                return right.renew(key, token, lease.plusSeconds(30));
                            }
                        }),
                mutant(
                        "a release does nothing",
                        "freesReleasedLease",
                        (store, memory) -> new ForwardingFlightStore(store) {
                            @Override
                            public CompletionStage<Void> release(UsageKey key, String token) {
                                return CompletableFuture.completedFuture(null);
                            }
                        }));
    }

    private static Mutant<Adapter> failure(
            String fault, String check, UnaryOperator<String> reason, UnaryOperator<Duration> backOff) {
        return mutant(fault, check, (store, memory) -> new ForwardingFlightStore(store) {
            @Override
            public CompletionStage<Void> fail(UsageKey key, String token, String why, Duration until) {
                return right.fail(key, token, reason.apply(why), backOff.apply(until));
            }
        });
    }

    private static List<Mutant<Adapter>> wrongFailures() {
        String check = "reportsFailureToAllUntilBackOffEnds";
        return List.of(
                mutant("no back-off", check, (store, memory) -> new ForwardingFlightStore(store) {
                    @Override
                    public CompletionStage<Void> fail(UsageKey key, String token, String reason, Duration backOff) {
                        return right.release(key, token);
                    }
                }),
                failure("a back-off of a day", check, why -> why, until -> Duration.ofDays(1)),
                failure("no reason", check, why -> "failed", until -> until),
                failure("the reason in ASCII", check, why -> why.replaceAll("[^ -~]", "?"), until -> until),
                failure(
                        "the reason cut to 100 characters",
                        "keepsFirst200CharactersOfReason",
                        why -> why.substring(0, Math.min(100, why.length())),
                        until -> until),
                failure(
                        "an empty reason replaced",
                        "keepsEmptyReason",
                        why -> why.isEmpty() ? "unknown" : why,
                        until -> until),
                failure(
                        "no check of the back-off",
                        "rejectsTimesBelowOneMillisecond",
                        why -> why,
                        FlightStoreMutantsTest::atLeastMillisecond),
                acquired(
                        "a failure looks like a lease",
                        check,
                        acquisition -> acquisition instanceof Acquisition.Failed failed
                                ? new Acquisition.Held(failed.fence(), failed.remaining())
                                : acquisition));
    }

    private interface Publisher {
        CompletionStage<Publication> publish(
                FlightStore right,
                Memory memory,
                UsageKey key,
                String token,
                long fence,
                AgedUsage figure,
                Duration timeToLive);
    }

    private static Mutant<Adapter> publisher(String fault, String check, Publisher publisher) {
        return mutant(fault, check, (store, memory) -> new ForwardingFlightStore(store) {
            @Override
            public CompletionStage<Publication> publish(
                    UsageKey key, String token, long fence, AgedUsage figure, Duration timeToLive) {
                return publisher.publish(right, memory, key, token, fence, figure, timeToLive);
            }
        });
    }

    private static Mutant<Adapter> published(String fault, String check, UnaryOperator<Publication> change) {
        return publisher(
                fault,
                check,
                (right, memory, key, token, fence, figure, timeToLive) ->
                        right.publish(key, token, fence, figure, timeToLive).thenApply(change));
    }

    private static List<Mutant<Adapter>> wrongPublications() {
        return List.of(
                publisher(
                        "any fence publishes",
                        "rejectsPublicationWhenAnotherLoadHoldsLease",
                        (right, memory, key, token, fence, figure, timeToLive) -> memory.cache
                                .put(key, figure, timeToLive)
                                .thenCompose(done -> right.release(key, token))
                                .thenApply(done -> new Publication.Stored())),
                publisher(
                        "an unknown fence publishes",
                        "rejectsPublicationUnderUnknownFence",
                        (right, memory, key, token, fence, figure, timeToLive) -> right.publish(
                                        key, token, fence, figure, timeToLive)
                                .thenCompose(publication -> publication instanceof Publication.Invalidated
                                        ? memory.cache
                                                .put(key, figure, timeToLive)
                                                .thenApply(done -> new Publication.Stored())
                                        : CompletableFuture.completedFuture(publication))),
                publisher(
                        "an expired lease can't publish",
                        "storesFigureWhenLeaseExpiredUntaken",
                        (right, memory, key, token, fence, figure, timeToLive) -> right.renew(
                                        key, token, Duration.ofSeconds(30))
                                .thenCompose(renewed -> renewed
                                        ? right.publish(key, token, fence, figure, timeToLive)
                                        : CompletableFuture.completedFuture(new Publication.LeaseLost(fence)))),
                publisher(
                        "the lease stays after its publication",
                        "storesPublishedFigureAndReleasesLease",
                        (right, memory, key, token, fence, figure, timeToLive) -> right.publish(
                                        key, token, fence, figure, timeToLive)
                                .thenCompose(publication -> right.acquire(
                                                key,
                                                new LeaseRequest(
                                                        token,
                                                        Duration.ofSeconds(30),
                                                        Duration.ZERO,
                                                        OptionalLong.empty()))
                                        .thenApply(acquisition -> publication))),
                publisher(
                        "the age of a published figure is lost",
                        "storesPublishedFigureAndReleasesLease",
                        (right, memory, key, token, fence, figure, timeToLive) -> right.publish(
                                key, token, fence, new AgedUsage(figure.usage(), Duration.ZERO), timeToLive)),
                publisher(
                        "one time to live for all published figures",
                        "storesPublishedFigureAndReleasesLease",
                        (right, memory, key, token, fence, figure, timeToLive) ->
                                right.publish(key, token, fence, figure, Duration.ofHours(1))),
                publisher(
                        "no check of the time to live",
                        "rejectsTimesBelowOneMillisecond",
                        (right, memory, key, token, fence, figure, timeToLive) ->
                                right.publish(key, token, fence, figure, atLeastMillisecond(timeToLive))),
                publisher(
                        "no check of the figure's key",
                        "rejectsFigureOfAnotherKey",
                        (right, memory, key, token, fence, figure, timeToLive) ->
                                right.publish(figure.usage().key(), token, fence, figure, timeToLive)),
                published(
                        "a newer figure isn't returned",
                        "returnsNewerFigureWhenLaterLoadPublished",
                        publication -> publication instanceof Publication.Superseded
                                ? new Publication.LeaseLost(2)
                                : publication),
                published(
                        "a lost lease looks like an invalidation",
                        "rejectsPublicationWhenAnotherLoadHoldsLease",
                        publication -> publication instanceof Publication.LeaseLost
                                ? new Publication.Invalidated()
                                : publication),
                published(
                        "an invalidation looks like a publication",
                        "rejectsPublicationOfLoadInvalidatedInFlight",
                        publication -> publication instanceof Publication.Invalidated
                                ? new Publication.Stored()
                                : publication),
                published(
                        "the label of the newer figure",
                        "labelsSupersedingFigureAsRequested",
                        publication -> publication instanceof Publication.Superseded superseded
                                ? new Publication.Superseded(labelled(superseded.newer()))
                                : publication));
    }

    private static Mutant<Adapter> ofKey(
            String fault, String check, Function<FlightStore, Function<UsageKey, CompletionStage<Void>>> change) {
        return mutant(fault, check, (store, memory) -> new ForwardingFlightStore(store) {
            @Override
            public CompletionStage<Void> invalidate(UsageKey key) {
                return change.apply(right).apply(key);
            }
        });
    }

    private static Mutant<Adapter> ofOrganisation(
            String fault, String check, Function<FlightStore, Function<String, CompletionStage<Void>>> change) {
        return mutant(fault, check, (store, memory) -> new ForwardingFlightStore(store) {
            @Override
            public CompletionStage<Void> invalidate(String organisationId) {
                return change.apply(right).apply(organisationId);
            }
        });
    }

    private static List<Mutant<Adapter>> wrongInvalidations() {
        return List.of(
                ofKey(
                        "a key isn't invalidated",
                        "removesFigureLeaseAndFailureOfKey",
                        store -> key -> CompletableFuture.completedFuture(null)),
                ofKey(
                        "all periods of a key are invalidated",
                        "keepsOtherKeys",
                        store -> key -> store.invalidate(key.organisationId())),
                ofOrganisation(
                        "an organisation isn't invalidated",
                        "removesFigureLeaseAndFailureOfKey",
                        store -> id -> CompletableFuture.completedFuture(null)),
                ofOrganisation(
                        "one period of an organisation is invalidated",
                        "removesFiguresAndRejectsPublicationsOfOrganisation",
                        store -> id -> store.invalidate(new UsageKey(id, MARCH))),
                ofOrganisation(
                        "organisations in other letters are invalidated",
                        "keepsOtherOrganisations",
                        store -> id -> store.invalidate(id.toUpperCase(Locale.ROOT))
                                .thenCompose(done -> store.invalidate(id))));
    }

    private static Mutant<Adapter> wakeUp(String fault, String check, Adapter adapter) {
        return mutant(fault, check, adapter);
    }

    private static List<Mutant<Adapter>> wrongWakeUps() {
        return List.of(
                wakeUp(
                        "no wake-up",
                        "wakesEveryProcessWhenLeaseEnds",
                        (store, memory) -> new ForwardingFlightStore(store) {
                            @Override
                            public Registration onWakeUp(UsageKey key, Runnable action) {
                                return () -> {};
                            }
                        }),
                wakeUp(
                        "a release wakes no other process",
                        "wakesEveryProcessWhenLeaseEnds",
                        (store, memory) -> new ForwardingFlightStore(store) {
                            private final List<Runnable> own = new CopyOnWriteArrayList<>();

                            @Override
                            public Registration onWakeUp(UsageKey key, Runnable action) {
                                own.add(action);
                                return () -> own.remove(action);
                            }

                            @Override
                            public CompletionStage<Publication> publish(
                                    UsageKey key, String token, long fence, AgedUsage figure, Duration timeToLive) {
                                return right.publish(key, token, fence, figure, timeToLive)
                                        .whenComplete((done, error) -> own.forEach(Runnable::run));
                            }
                        }),
                wakeUp(
                        "each key wakes all",
                        "wakesNoProcessWithoutReason",
                        (store, memory) -> new ForwardingFlightStore(store) {
                            @Override
                            public Registration onWakeUp(UsageKey key, Runnable action) {
                                memory.actions.add(action);
                                return () -> memory.actions.remove(action);
                            }

                            @Override
                            public CompletionStage<Void> release(UsageKey key, String token) {
                                return right.release(key, token)
                                        .whenComplete((done, error) -> memory.actions.forEach(Runnable::run));
                            }
                        }),
                wakeUp(
                        "a release of no lease wakes",
                        "wakesNoProcessWithoutReason",
                        (store, memory) -> new ForHolder(store, memory) {
                            @Override
                            public Registration onWakeUp(UsageKey key, Runnable action) {
                                memory.actions.add(action);
                                return right.onWakeUp(key, action);
                            }

                            @Override
                            public CompletionStage<Boolean> renew(UsageKey key, String token, Duration lease) {
                                return right.renew(key, token, lease)
                                        .whenComplete((done, error) -> memory.actions.forEach(Runnable::run));
                            }
                        }),
                wakeUp(
                        "a closed registration runs",
                        "runsNoActionOnceRegistrationIsClosed",
                        (store, memory) -> new ForwardingFlightStore(store) {
                            @Override
                            public Registration onWakeUp(UsageKey key, Runnable action) {
                                Registration unused = right.onWakeUp(key, action);
                                return () -> {};
                            }
                        }),
                wakeUp(
                        "one registration an action",
                        "runsSameActionOncePerRegistration",
                        (store, memory) -> new ForwardingFlightStore(store) {
                            @Override
                            public Registration onWakeUp(UsageKey key, Runnable action) {
                                return memory.registered.add(action) ? right.onWakeUp(key, action) : () -> {};
                            }
                        }));
    }

    private static List<Mutant<Adapter>> wrongClosings() {
        String check = "failsEveryCallOnceClosed";
        return List.of(
                mutant("usable after close", check, (store, memory) -> new ForwardingFlightStore(store) {
                    @Override
                    public void close() {}
                }),
                mutant("acquires after close", check, (store, memory) -> new ForwardingFlightStore(store) {
                    @Override
                    public CompletionStage<Acquisition> acquire(UsageKey key, LeaseRequest request) {
                        return right.acquire(key, request).exceptionally(error -> new Acquisition.Acquired(1));
                    }
                }),
                mutant(
                        "invalidates nothing after close, and doesn't say so",
                        check,
                        (store, memory) -> new ForwardingFlightStore(store) {
                            @Override
                            public CompletionStage<Void> invalidate(UsageKey key) {
                                return right.invalidate(key).exceptionally(error -> null);
                            }
                        }),
                mutant("another exception after close", check, (store, memory) -> new ForwardingFlightStore(store) {
                    @Override
                    public CompletionStage<Void> release(UsageKey key, String token) {
                        return right.release(key, token)
                                .exceptionallyCompose(
                                        error -> CompletableFuture.failedFuture(new IllegalStateException(error)));
                    }
                }),
                mutant("closes the others", check, (store, memory) -> {
                    return new ForwardingFlightStore(store) {
                        @Override
                        public CompletionStage<Publication> publish(
                                UsageKey key, String token, long fence, AgedUsage figure, Duration timeToLive) {
                            return memory.fences.get() > 0
                                    ? CompletableFuture.completedFuture(new Publication.Invalidated())
                                    : right.publish(key, token, fence, figure, timeToLive);
                        }

                        @Override
                        public void close() {
                            memory.fences.incrementAndGet();
                            right.close();
                        }
                    };
                }),
                mutant(
                        "the second close throws",
                        "allowsClosingTwice",
                        (store, memory) -> new ForwardingFlightStore(store) {
                            private int closings;

                            @Override
                            public void close() {
                                right.close();
                                if (++closings == 2) {
                                    throw new IllegalStateException("closed already");
                                }
                            }
                        }));
    }
}
