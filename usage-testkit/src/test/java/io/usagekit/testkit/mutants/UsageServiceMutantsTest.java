package io.usagekit.testkit.mutants;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.OrganisationUsage;
import io.usagekit.SingleFlight;
import io.usagekit.UsageCache;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.testkit.contract.UsageServiceContract;
import io.usagekit.testkit.mutants.FaultySingleFlight.Fault;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.extension.ExtendWith;

/** The contract of services reports wrong adapters, each in the cell of the table of states that its fault names. */
class UsageServiceMutantsTest {

    /** Adapters of one cell, and what they can do. */
    private record Adapters(Supplier<ServiceBackend> backend, Set<UsageServiceContract.Capability> capabilities) {}

    private static final Adapters RIGHT = fleet(ServiceBackend::new);

    @ExtendWith(ContractRun.AdapterParameter.class)
    static final class Suite extends UsageServiceContract {

        private final Adapters adapters;

        Suite(Adapters adapters) {
            this.adapters = adapters;
        }

        @Override
        protected Backend openBackend() {
            return adapters.backend().get();
        }

        @Override
        protected Set<Capability> capabilities() {
            return adapters.capabilities();
        }

        @Override
        protected Duration patience() {
            return adapters.equals(RIGHT) ? super.patience() : Duration.ofSeconds(1);
        }
    }

    @TestFactory
    Stream<DynamicTest> reportsEachWrongAdapter() {
        List<Mutant<Adapters>> mutants = new ArrayList<>();
        mutants.addAll(wrongCaches());
        mutants.addAll(wrongFallbacks());
        mutants.addAll(wrongStores());
        mutants.addAll(wrongSingleFlights());
        mutants.addAll(wrongCalculators());
        mutants.addAll(wrongSources());
        ContractRun right = ContractRun.of(Suite.class, RIGHT, method -> true);
        Map<String, String> cells = right.ids();
        return Mutants.tests(
                () -> right,
                mutant -> ContractRun.ofCell(
                        Objects.requireNonNull(cells.get(mutant.check()), mutant.check()), mutant.adapter()),
                mutants);
    }

    private static Adapters fleet(Supplier<ServiceBackend> backend) {
        return new Adapters(backend, EnumSet.allOf(UsageServiceContract.Capability.class));
    }

    private static Mutant<Adapters> mutant(String fault, String cell, Supplier<ServiceBackend> backend) {
        return new Mutant<>(fault, cell, fleet(backend));
    }

    private static Mutant<Adapters> cache(String fault, String cell, Function<UsageCache, UsageCache> change) {
        return mutant(fault, cell, () -> new ServiceBackend() {
            @Override
            UsageCache cache(UsageCache shared, LongSupplier ticker) {
                return super.cache(change.apply(shared), ticker);
            }
        });
    }

    private static Mutant<Adapters> found(String fault, String cell, UnaryOperator<AgedUsage> change) {
        return cache(fault, cell, shared -> new ForwardingUsageCache(shared) {
            @Override
            public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
                return right.get(key).thenApply(found -> found.map(change));
            }
        });
    }

    private static List<Mutant<Adapters>> wrongCaches() {
        return List.of(
                cache("the cache finds nothing", "fresh | cache down", shared -> new ForwardingUsageCache(shared) {
                    @Override
                    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
                        return right.get(key).thenApply(found -> Optional.empty());
                    }
                }),
                cache("the cache always fails", "fresh | cache down", shared -> new ForwardingUsageCache(shared) {
                    @Override
                    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
                        return CompletableFuture.failedFuture(new IllegalStateException("no cache"));
                    }
                }),
                found(
                        "the age is lost",
                        "soft-expired | cache up",
                        figure -> new AgedUsage(figure.usage(), Duration.ZERO)),
                found(
                        "the age is too high",
                        "fresh | cache up",
                        figure -> new AgedUsage(figure.usage(), figure.age().plusMinutes(5))),
                found(
                        "the figure is doubled",
                        "fresh | cache up",
                        figure -> new AgedUsage(doubled(figure.usage()), figure.age())),
                mutant("the memory is always current", "soft-expired | cache up", () -> new ServiceBackend() {
                    @Override
                    UsageCache cache(UsageCache shared, LongSupplier ticker) {
                        return new RememberingCache(shared, ticker) {
                            @Override
                            public Optional<AgedUsage> near(UsageKey key) {
                                return right.get(key)
                                        .toCompletableFuture()
                                        .join()
                                        .map(figure -> new AgedUsage(figure.usage(), Duration.ZERO));
                            }
                        };
                    }
                }));
    }

    private static OrganisationUsage doubled(OrganisationUsage usage) {
        return new OrganisationUsage(
                usage.key(),
                usage.received().plus(usage.received()),
                usage.sent().plus(usage.sent()),
                usage.createdAt());
    }

    private static List<Mutant<Adapters>> wrongFallbacks() {
        return List.of(
                mutant("no fallback copies", "fresh | cache down", () -> new ServiceBackend() {
                    @Override
                    UsageCache cache(UsageCache shared, LongSupplier ticker) {
                        return shared;
                    }
                }),
                mutant("fallback copies are current", "fresh | cache down", () -> new ServiceBackend() {
                    @Override
                    UsageCache cache(UsageCache shared, LongSupplier ticker) {
                        return new RememberingCache(shared, ticker) {
                            @Override
                            public Optional<AgedUsage> near(UsageKey key) {
                                return fallback(key);
                            }
                        };
                    }
                }),
                mutant("what can't be put is lost", "soft-expired | cache down", () -> new ServiceBackend() {
                    @Override
                    UsageCache cache(UsageCache shared, LongSupplier ticker) {
                        return new RememberingCache(shared, ticker) {
                            @Override
                            public void putFallback(UsageKey key, AgedUsage entry, Duration timeToLive) {}
                        };
                    }
                }));
    }

    private static Mutant<Adapters> store(String fault, String cell, Function<FlightStore, FlightStore> change) {
        return mutant(fault, cell, () -> new ServiceBackend() {
            @Override
            FlightStore store(FlightStore right) {
                return change.apply(right);
            }
        });
    }

    /** A store in which each caller acquires the lease. */
    private static FlightStore shared(FlightStore store) {
        return new ForwardingFlightStore(store) {
            @Override
            public CompletionStage<Acquisition> acquire(UsageKey key, LeaseRequest request) {
                return right.acquire(key, request)
                        .thenApply(acquisition -> acquisition instanceof Acquisition.Held held
                                ? new Acquisition.Acquired(held.fence())
                                : acquisition);
            }
        };
    }

    private static List<Mutant<Adapters>> wrongStores() {
        return List.of(
                store(
                        "each process acquires the lease",
                        "absent, another computes | cache up",
                        UsageServiceMutantsTest::shared),
                store(
                        "each process refreshes",
                        "soft-expired, another refreshes | cache up",
                        UsageServiceMutantsTest::shared),
                store(
                        "failures aren't shared",
                        "load failed elsewhere | cache up",
                        store -> new ForwardingFlightStore(store) {
                            @Override
                            public CompletionStage<Void> fail(
                                    UsageKey key, String token, String reason, Duration backOff) {
                                return right.release(key, token);
                            }
                        }),
                store(
                        "failures without their reason",
                        "load failed elsewhere | cache up",
                        store -> new ForwardingFlightStore(store) {
                            @Override
                            public CompletionStage<Void> fail(
                                    UsageKey key, String token, String reason, Duration backOff) {
                                return right.fail(key, token, "", backOff);
                            }
                        }),
                mutant("a lost lease publishes", "lease lost during a load | cache up", () -> new ServiceBackend() {
                    @Override
                    FlightStore store(FlightStore right) {
                        return new ForwardingFlightStore(right) {
                            @Override
                            public CompletionStage<Publication> publish(
                                    UsageKey key, String token, long fence, AgedUsage figure, Duration timeToLive) {
                                return right.publish(key, token, fence, figure, timeToLive)
                                        .thenCompose(publication -> shared().put(key, figure, timeToLive)
                                                .thenApply(done -> new Publication.Stored()));
                            }
                        };
                    }
                }),
                mutant(
                        "an invalidation in vain",
                        "invalidated during a load elsewhere | cache up",
                        () -> new ServiceBackend() {
                            @Override
                            UsageCache cache(UsageCache shared, LongSupplier ticker) {
                                return new RememberingCache(shared, ticker) {
                                    @Override
                                    public CompletionStage<Void> invalidate(String organisationId) {
                                        return CompletableFuture.completedFuture(null);
                                    }
                                };
                            }

                            @Override
                            FlightStore store(FlightStore right) {
                                return new ForwardingFlightStore(right) {
                                    @Override
                                    public CompletionStage<Void> invalidate(String organisationId) {
                                        return CompletableFuture.completedFuture(null);
                                    }
                                };
                            }
                        }),
                mutant(
                        "an invalidation that fails isn't reported",
                        "invalidation | cache down",
                        () -> new ServiceBackend() {
                            @Override
                            UsageCache cache(UsageCache shared, LongSupplier ticker) {
                                return new RememberingCache(shared, ticker) {
                                    @Override
                                    public CompletionStage<Void> invalidate(UsageKey key) {
                                        return right.invalidate(key).exceptionally(error -> null);
                                    }
                                };
                            }

                            @Override
                            FlightStore store(FlightStore right) {
                                return new ForwardingFlightStore(right) {
                                    @Override
                                    public CompletionStage<Void> invalidate(UsageKey key) {
                                        return right.invalidate(key).exceptionally(error -> null);
                                    }
                                };
                            }
                        }));
    }

    /** Adapters within one process, whose single-flight has a fault. */
    private static Mutant<Adapters> singleFlight(Fault fault, String cell) {
        return new Mutant<>(
                "single-flight with the fault " + fault,
                cell,
                new Adapters(
                        () -> new ServiceBackend() {
                            @Override
                            public SingleFlight openSingleFlight() {
                                return new FaultySingleFlight(fault);
                            }
                        },
                        EnumSet.of(UsageServiceContract.Capability.FALLBACK)));
    }

    private static List<Mutant<Adapters>> wrongSingleFlights() {
        return List.of(
                singleFlight(Fault.NEVER_STORES, "absent, wait | cache up"),
                singleFlight(Fault.WRAPS_FAILURE, "load failed, nothing stale | cache up"),
                singleFlight(Fault.KEEPS_KEY_AFTER_FAILURE, "load failed, nothing stale | cache down"));
    }

    private static Mutant<Adapters> calculator(
            String fault, String cell, Function<UsageCalculator, UsageCalculator> change) {
        return mutant(fault, cell, () -> new ServiceBackend() {
            @Override
            public UsageCalculator calculator() {
                return change.apply(super.calculator());
            }
        });
    }

    private static List<Mutant<Adapters>> wrongCalculators() {
        return List.of(
                calculator(
                        "zeros",
                        "absent, wait | cache up",
                        right -> (key, timeout) ->
                                new OrganisationUsage(key, UsageMetrics.ZERO, UsageMetrics.ZERO, Instant.EPOCH)),
                calculator(
                        "doubled figures",
                        "in grace | cache up",
                        right -> (key, timeout) -> doubled(right.calculate(key, timeout))),
                calculator("figures kept from earlier computations", "invalidated during a load | cache up", right -> {
                    Map<UsageKey, OrganisationUsage> figures = new ConcurrentHashMap<>();
                    return (key, timeout) -> figures.computeIfAbsent(key, k -> right.calculate(k, timeout));
                }));
    }

    private static List<Mutant<Adapters>> wrongSources() {
        return List.of(
                mutant("a cache that stays up", "absent, fail closed | cache down", () -> new ServiceBackend() {
                    @Override
                    public void disconnectCache() {}
                }),
                mutant("an entry that is never there", "closed | cache up", () -> new ServiceBackend() {
                    @Override
                    public boolean holdsEntry(UsageKey key) {
                        return false;
                    }
                }),
                mutant(
                        "an entry that is always there",
                        "invalidated during a load elsewhere | cache up",
                        () -> new ServiceBackend() {
                            @Override
                            public boolean holdsEntry(UsageKey key) {
                                return true;
                            }
                        }),
                mutant("events of another organisation", "absent, wait | cache up", () -> new ServiceBackend() {
                    @Override
                    public void received(String organisationId, Instant at, int bytes) {
                        super.received("org-124", at, bytes);
                    }
                }),
                mutant("events added twice", "in grace | cache up", () -> new ServiceBackend() {
                    @Override
                    public void received(String organisationId, Instant at, int bytes) {
                        super.received(organisationId, at, bytes);
                        super.received(organisationId, at, bytes);
                    }
                }));
    }
}
