package io.usagekit.testkit.mutants;

import static io.usagekit.testkit.mutants.FlightStoreMutantsTest.LONG;
import static io.usagekit.testkit.mutants.FlightStoreMutantsTest.MARCH;
import static io.usagekit.testkit.mutants.FlightStoreMutantsTest.acquired;
import static io.usagekit.testkit.mutants.FlightStoreMutantsTest.atLeastMillisecond;
import static io.usagekit.testkit.mutants.FlightStoreMutantsTest.labelled;
import static io.usagekit.testkit.mutants.FlightStoreMutantsTest.mutant;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.testkit.mutants.FlightStoreMutantsTest.Adapter;
import io.usagekit.testkit.mutants.FlightStoreMutantsTest.Memory;
import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** Flight stores with wrong leases, fences or failures. */
final class FlightLeaseMutants {

    private FlightLeaseMutants() {}

    static List<Mutant<Adapter>> all() {
        return Stream.of(wrongAcquisitions(), wrongFences(), wrongEndsOfLeases(), wrongFailures())
                .flatMap(List::stream)
                .toList();
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

    private static AgedUsage measured(AgedUsage figure) {
        OrganisationUsage usage = figure.usage();
        return new AgedUsage(
                new OrganisationUsage(usage.key(), usage.received(), usage.sent(), usage.createdAt()), figure.age());
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
                        "a found figure has lost how many rows are unmeasured",
                        "findsFigureWithUnmeasuredRows",
                        acquisition -> acquisition instanceof Acquisition.Found found
                                ? new Acquisition.Found(measured(found.figure()))
                                : acquisition),
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
                        until -> atLeastMillisecond(until)),
                acquired(
                        "a failure looks like a lease",
                        check,
                        acquisition -> acquisition instanceof Acquisition.Failed failed
                                ? new Acquisition.Held(failed.fence(), failed.remaining())
                                : acquisition));
    }
}
