package io.usagekit.testkit.mutants;

import static io.usagekit.testkit.mutants.FlightStoreMutantsTest.mutant;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.FlightStore.Publication;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.testkit.mutants.FlightStoreMutantsTest.Adapter;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;

/** Flight stores that wake or close wrongly. */
final class FlightWakeUpMutants {

    private FlightWakeUpMutants() {}

    static List<Mutant<Adapter>> all() {
        return Stream.of(wrongWakeUps(), wrongClosings()).flatMap(List::stream).toList();
    }

    private static Mutant<Adapter> wakeUp(String fault, String check, Adapter adapter) {
        return mutant(fault, check, adapter);
    }

    private static List<Mutant<Adapter>> wrongWakeUps() {
        return List.of(
                wakeUp(
                        "any cache's invalidation passes for its own",
                        "leavesInvalidationsToNoForeignCache",
                        (store, memory) -> new ForwardingFlightStore(store) {
                            @Override
                            public boolean isInvalidatedBy(UsageCache cache) {
                                return true;
                            }
                        }),
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
                        (store, memory) -> new ForwardingFlightStore(store) {
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
