package io.usagekit.testkit.mutants;

import static io.usagekit.testkit.mutants.UsageCacheMutantsTest.forwarding;
import static io.usagekit.testkit.mutants.UsageCacheMutantsTest.mutant;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.testkit.mutants.UsageCacheMutantsTest.Adapter;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Caches that invalidate, hold or close wrongly. */
final class CacheMemoryMutants {

    private CacheMemoryMutants() {}

    static List<Mutant<Adapter>> all() {
        return Stream.of(wrongInvalidations(), wrongMemories(), wrongClosings())
                .flatMap(List::stream)
                .toList();
    }

    private static Mutant<Adapter> ofOrganisation(
            String fault, Function<UsageCache, Function<String, CompletionStage<Void>>> change) {
        return forwarding(
                fault, "removesAllPeriodsOfInvalidatedOrganisationOnly", cache -> new ForwardingUsageCache(cache) {
                    @Override
                    public CompletionStage<Void> invalidate(String organisationId) {
                        return change.apply(right).apply(organisationId);
                    }
                });
    }

    private static List<Mutant<Adapter>> wrongInvalidations() {
        UsagePeriod march = UsagePeriod.parse("2026-03");
        return List.of(
                forwarding(
                        "a key isn't invalidated",
                        "removesInvalidatedKeyOnly",
                        cache -> new ForwardingUsageCache(cache) {
                            @Override
                            public CompletionStage<Void> invalidate(UsageKey key) {
                                return CompletableFuture.completedFuture(null);
                            }
                        }),
                forwarding(
                        "all periods of a key are invalidated",
                        "removesInvalidatedKeyOnly",
                        cache -> new ForwardingUsageCache(cache) {
                            @Override
                            public CompletionStage<Void> invalidate(UsageKey key) {
                                return right.invalidate(key.organisationId());
                            }
                        }),
                ofOrganisation(
                        "an organisation isn't invalidated", cache -> id -> CompletableFuture.completedFuture(null)),
                ofOrganisation(
                        "one period of an organisation is invalidated",
                        cache -> id -> cache.invalidate(new UsageKey(id, march))),
                mutant(
                        "organisations with the same beginning are invalidated",
                        "removesAllPeriodsOfInvalidatedOrganisationOnly",
                        (entries, ticker) -> new MapUsageCache(entries, ticker) {
                            @Override
                            public CompletionStage<Void> invalidate(String organisationId) {
                                entries.values()
                                        .removeIf(entry -> entry.figure()
                                                .usage()
                                                .organisationId()
                                                .startsWith(organisationId));
                                return CompletableFuture.completedFuture(null);
                            }
                        }),
                mutant(
                        "everything is invalidated",
                        "removesAllPeriodsOfInvalidatedOrganisationOnly",
                        (entries, ticker) -> new MapUsageCache(entries, ticker) {
                            @Override
                            public CompletionStage<Void> invalidate(String organisationId) {
                                entries.clear();
                                return CompletableFuture.completedFuture(null);
                            }
                        }));
    }

    /** A near cache: it serves what it has read, and keeps fallback copies, as the right one does but for one fault. */
    private static class Near extends ForwardingUsageCache {
        final Map<UsageKey, AgedUsage> memory = new ConcurrentHashMap<>();

        Near(UsageCache right) {
            super(right);
        }

        @Override
        public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
            return right.get(key).whenComplete((found, error) -> {
                if (error == null && found.isPresent()) {
                    memory.put(key, found.orElseThrow());
                }
            });
        }
    }

    private static List<Mutant<Adapter>> wrongMemories() {
        return List.of(
                mutant(
                        "a bare HashMap",
                        "keepsEveryFigurePutConcurrently",
                        (entries, ticker) -> new MapUsageCache(new HashMap<>(), ticker)),
                mutant(
                        "a HashMap that is never iterated",
                        "keepsEveryFigurePutConcurrently",
                        (entries, ticker) -> new MapUsageCache(new HashMap<>(), ticker) {
                            @Override
                            void evict(long now) {}

                            @Override
                            public CompletionStage<Void> invalidate(String organisationId) {
                                return CompletableFuture.completedFuture(null);
                            }
                        }),
                mutant(
                        "one figure in two fields",
                        "returnsConsistentFiguresUnderConcurrentReadsAndWrites",
                        (entries, ticker) -> new HalvedCache(entries, ticker)),
                forwarding(
                        "the memory keeps what is replaced",
                        "returnsFromMemoryOnlyWhatGetReturns",
                        cache -> new Near(cache) {
                            @Override
                            public Optional<AgedUsage> near(UsageKey key) {
                                return Optional.ofNullable(memory.get(key));
                            }

                            @Override
                            public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
                                return right.get(key)
                                        .whenComplete((found, error) ->
                                                found.ifPresent(figure -> memory.putIfAbsent(key, figure)));
                            }
                        }),
                forwarding(
                        "the memory keeps what is invalidated",
                        "returnsFromMemoryOnlyWhatGetReturns",
                        cache -> new Near(cache) {
                            @Override
                            public Optional<AgedUsage> near(UsageKey key) {
                                return Optional.ofNullable(memory.get(key))
                                        .map(found -> new AgedUsage(
                                                new OrganisationUsage(
                                                        key,
                                                        found.usage().received(),
                                                        found.usage().sent(),
                                                        found.usage().createdAt()),
                                                found.age()));
                            }
                        }),
                forwarding(
                        "the memory passes on what is invalidated",
                        "returnsFromMemoryOnlyWhatGetReturns",
                        cache -> new Near(cache) {
                            @Override
                            public <T> @Nullable T readNear(UsageKey key, NearReader<T> reader) {
                                AgedUsage found = memory.get(key);
                                return found == null
                                        ? null
                                        : reader.read(
                                                found.usage().withPeriod(key.period()),
                                                found.age().toNanos());
                            }
                        }),
                forwarding(
                        "the memory passes on figures without their ages",
                        "returnsFromMemoryOnlyWhatGetReturns",
                        cache -> new Near(cache) {
                            @Override
                            public Optional<AgedUsage> near(UsageKey key) {
                                return right.get(key).toCompletableFuture().join();
                            }

                            @Override
                            public <T> @Nullable T readNear(UsageKey key, NearReader<T> reader) {
                                return super.readNear(key, (usage, ageNanos) -> reader.read(usage, 0));
                            }
                        }),
                forwarding(
                        "the memory keeps what has expired",
                        "returnsFromMemoryOnlyWhatGetReturns",
                        cache -> new Near(cache) {
                            @Override
                            public Optional<AgedUsage> fallback(UsageKey key) {
                                return Optional.ofNullable(memory.get(key));
                            }
                        }),
                forwarding(
                        "a fallback copy is served as current",
                        "returnsFallbackCopiesAsFallbackOnly",
                        cache -> new Near(cache) {
                            @Override
                            public void putFallback(UsageKey key, AgedUsage entry, Duration timeToLive) {
                                memory.put(key, entry);
                            }

                            @Override
                            public Optional<AgedUsage> near(UsageKey key) {
                                return Optional.ofNullable(memory.get(key));
                            }
                        }),
                forwarding(
                        "a fallback copy is put into the cache",
                        "returnsFallbackCopiesAsFallbackOnly",
                        cache -> new ForwardingUsageCache(cache) {
                            @Override
                            public void putFallback(UsageKey key, AgedUsage entry, Duration timeToLive) {
                                var unused = right.put(key, entry, timeToLive);
                            }
                        }),
                forwarding(
                        "a fallback copy never expires",
                        "returnsFallbackCopiesAsFallbackOnly",
                        cache -> new Near(cache) {
                            @Override
                            public void putFallback(UsageKey key, AgedUsage entry, Duration timeToLive) {
                                memory.put(key, entry);
                            }

                            @Override
                            public Optional<AgedUsage> fallback(UsageKey key) {
                                return Optional.ofNullable(memory.get(key));
                            }
                        }));
    }

    /** Keeps received and sent in two maps. */
    private static final class HalvedCache extends MapUsageCache {
        private final Map<Object, UsageMetrics> sent = new ConcurrentHashMap<>();

        HalvedCache(Map<Object, Entry> entries, LongSupplier ticker) {
            super(entries, ticker);
        }

        @Override
        void store(Object key, Entry entry) {
            super.store(key, entry);
            sent.put(key, entry.figure().usage().sent());
        }

        @Override
        OrganisationUsage labelled(UsageKey key, OrganisationUsage usage) {
            return new OrganisationUsage(
                    key,
                    usage.received(),
                    Objects.requireNonNullElse(sent.get(key), UsageMetrics.ZERO),
                    usage.createdAt());
        }
    }

    private static Mutant<Adapter> closing(String fault, Function<UsageCache, UsageCache> change) {
        return forwarding(fault, "failsEveryCallOnceClosed", change);
    }

    private static List<Mutant<Adapter>> wrongClosings() {
        return List.of(
                closing("usable after close", cache -> new ForwardingUsageCache(cache) {
                    @Override
                    public void close() {}
                }),
                closing("finds nothing after close", cache -> new ForwardingUsageCache(cache) {
                    @Override
                    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
                        return right.get(key).exceptionally(error -> Optional.empty());
                    }
                }),
                closing("puts nothing after close, and doesn't say so", cache -> new ForwardingUsageCache(cache) {
                    @Override
                    public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
                        return right.put(key, entry, timeToLive).exceptionally(error -> null);
                    }
                }),
                closing(
                        "invalidates nothing after close, and doesn't say so",
                        cache -> new ForwardingUsageCache(cache) {
                            @Override
                            public CompletionStage<Void> invalidate(String organisationId) {
                                return right.invalidate(organisationId).exceptionally(error -> null);
                            }
                        }),
                closing("throws after close", cache -> new ForwardingUsageCache(cache) {
                    private boolean closed;

                    @Override
                    public CompletionStage<Void> invalidate(UsageKey key) {
                        if (closed) {
                            throw new IllegalStateException("closed");
                        }
                        return right.invalidate(key);
                    }

                    @Override
                    public void close() {
                        closed = true;
                        right.close();
                    }
                }),
                closing("another exception after close", cache -> new ForwardingUsageCache(cache) {
                    @Override
                    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
                        return right.get(key)
                                .exceptionallyCompose(
                                        error -> CompletableFuture.failedFuture(new IllegalStateException(error)));
                    }
                }),
                closing("no answer after close", cache -> new ForwardingUsageCache(cache) {
                    @Override
                    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
                        return right.get(key).exceptionallyCompose(error -> new CompletableFuture<>());
                    }
                }),
                closing("the memory outlives close", cache -> new ForwardingUsageCache(cache) {
                    private final Map<UsageKey, AgedUsage> memory = new ConcurrentHashMap<>();

                    @Override
                    public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
                        memory.put(key, entry);
                        return right.put(key, entry, timeToLive);
                    }

                    @Override
                    public Optional<AgedUsage> fallback(UsageKey key) {
                        return Optional.ofNullable(memory.get(key));
                    }
                }),
                forwarding("the second close throws", "allowsClosingTwice", cache -> new ForwardingUsageCache(cache) {
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
