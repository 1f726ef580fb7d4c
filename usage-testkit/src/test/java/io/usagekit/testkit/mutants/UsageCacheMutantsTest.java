package io.usagekit.testkit.mutants;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.testkit.ManualClock;
import io.usagekit.testkit.contract.UsageCacheContract;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.extension.ExtendWith;

/** The contract of caches reports wrong ones. */
class UsageCacheMutantsTest {

    /** Makes a cache over an empty map. */
    private interface Adapter {
        UsageCache open(Map<Object, MapUsageCache.Entry> entries, LongSupplier ticker);
    }

    @ExtendWith(ContractRun.AdapterParameter.class)
    static final class Suite extends UsageCacheContract {

        private final ManualClock clock = ManualClock.at("2026-03-17T01:28:00Z");
        private final Adapter adapter;
        private final Map<Object, MapUsageCache.Entry> entries = new ConcurrentHashMap<>();

        Suite(Adapter adapter) {
            this.adapter = adapter;
        }

        @Override
        protected UsageCache openCache() {
            return adapter.open(entries, clock.ticker());
        }

        @Override
        protected void elapse(Duration duration) {
            clock.advance(duration);
        }

        @Override
        protected OptionalLong heldEntries() {
            return OptionalLong.of(entries.size());
        }

        @Override
        protected Duration patience() {
            return Duration.ofSeconds(2);
        }
    }

    @TestFactory
    Stream<DynamicTest> reportsEachWrongCache() {
        List<Mutant<Adapter>> mutants = new ArrayList<>();
        mutants.addAll(wrongLives());
        mutants.addAll(wrongAges());
        mutants.addAll(wrongFigures());
        mutants.addAll(wrongKeys());
        mutants.addAll(wrongInvalidations());
        mutants.addAll(wrongMemories());
        mutants.addAll(wrongClosings());
        return Mutants.tests(Suite.class, (Adapter) MapUsageCache::new, mutants);
    }

    /** A cache that forwards to a right one but for the call that the mutant overrides. */
    private static Mutant<Adapter> forwarding(String fault, String check, Function<UsageCache, UsageCache> change) {
        return new Mutant<>(fault, check, (entries, ticker) -> change.apply(new MapUsageCache(entries, ticker)));
    }

    private static Mutant<Adapter> mutant(String fault, String check, Adapter adapter) {
        return new Mutant<>(fault, check, adapter);
    }

    private static Mutant<Adapter> timeToLive(String fault, String check, UnaryOperator<Duration> change) {
        return forwarding(fault, check, cache -> new ForwardingUsageCache(cache) {
            @Override
            public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
                return right.put(key, entry, change.apply(timeToLive));
            }
        });
    }

    private static List<Mutant<Adapter>> wrongLives() {
        return List.of(
                mutant(
                        "never evicts",
                        "removesExpiredFiguresThatNoCallerReads",
                        (entries, ticker) -> new MapUsageCache(entries, ticker) {
                            @Override
                            void evict(long now) {}
                        }),
                mutant(
                        "evicts what is read only",
                        "removesExpiredFiguresThatNoCallerReads",
                        (entries, ticker) -> new MapUsageCache(entries, ticker) {
                            @Override
                            void evict(long now) {}

                            @Override
                            public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
                                entries.computeIfPresent(
                                        mapKey(key), (k, entry) -> isExpired(entry, ticker.getAsLong()) ? null : entry);
                                return super.get(key);
                            }
                        }),
                mutant("never expires", "findsNothingExpired", (entries, ticker) -> new MapUsageCache(entries, ticker) {
                    @Override
                    boolean isExpired(Entry entry, long now) {
                        return false;
                    }
                }),
                mutant(
                        "expires a moment late",
                        "findsNothingExpired",
                        (entries, ticker) -> new MapUsageCache(entries, ticker) {
                            @Override
                            boolean isExpired(Entry entry, long now) {
                                return entry.expiresAt() - now < 0;
                            }
                        }),
                timeToLive(
                        "one time to live for all, too short", "findsNothingExpired", given -> Duration.ofSeconds(30)),
                timeToLive("one time to live for all, too long", "findsNothingExpired", given -> Duration.ofHours(1)),
                timeToLive(
                        "a time to live of a day at most",
                        "invalidatesOrganisationWithLongLivedFigures",
                        given -> given.compareTo(Duration.ofDays(1)) < 0 ? given : Duration.ofDays(1)),
                mutant(
                        "a read extends the life",
                        "findsNothingExpired",
                        (entries, ticker) -> new MapUsageCache(entries, ticker) {
                            @Override
                            public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
                                entries.computeIfPresent(
                                        mapKey(key),
                                        (k, entry) -> isExpired(entry, ticker.getAsLong())
                                                ? entry
                                                : new Entry(
                                                        entry.figure(),
                                                        entry.at(),
                                                        ticker.getAsLong()
                                                                + Duration.ofMinutes(1)
                                                                        .toNanos()));
                                return super.get(key);
                            }
                        }),
                mutant(
                        "the longer time to live wins",
                        "replacesTimeToLiveByShorterOne",
                        (entries, ticker) -> new MapUsageCache(entries, ticker) {
                            @Override
                            void store(Object key, Entry entry) {
                                entries.merge(
                                        key,
                                        entry,
                                        (old, now) -> new Entry(
                                                now.figure(), now.at(), Math.max(old.expiresAt(), now.expiresAt())));
                            }
                        }),
                mutant(
                        "the first time to live stays",
                        "replacesFigureAgeAndTimeToLive",
                        (entries, ticker) -> new MapUsageCache(entries, ticker) {
                            @Override
                            void store(Object key, Entry entry) {
                                entries.merge(
                                        key, entry, (old, now) -> new Entry(now.figure(), now.at(), old.expiresAt()));
                            }
                        }),
                mutant(
                        "the first figure stays",
                        "replacesFigureAgeAndTimeToLive",
                        (entries, ticker) -> new MapUsageCache(entries, ticker) {
                            @Override
                            void store(Object key, Entry entry) {
                                entries.putIfAbsent(key, entry);
                            }
                        }));
    }

    private static Mutant<Adapter> age(String fault, String check, Function<MapUsageCache.Entry, Duration> age) {
        return mutant(fault, check, (entries, ticker) -> new MapUsageCache(entries, ticker) {
            @Override
            Duration age(Entry entry, long now) {
                return age.apply(entry);
            }
        });
    }

    private static List<Mutant<Adapter>> wrongAges() {
        return List.of(
                age(
                        "the age stays",
                        "increasesAgeWithTime",
                        entry -> entry.figure().age()),
                age("no age", "returnsFigureAndAgeAsPut", entry -> Duration.ZERO),
                age(
                        "the age by the wall clock",
                        "returnsFigureAndAgeAsPut",
                        entry -> Duration.between(entry.figure().usage().createdAt(), Instant.now())
                                .abs()),
                mutant(
                        "the age since the put",
                        "increasesAgeWithTime",
                        (entries, ticker) -> new MapUsageCache(entries, ticker) {
                            @Override
                            Duration age(Entry entry, long now) {
                                return Duration.ofNanos(now - entry.at());
                            }
                        }));
    }

    private static Mutant<Adapter> stored(String fault, String check, UnaryOperator<OrganisationUsage> change) {
        return forwarding(fault, check, cache -> new ForwardingUsageCache(cache) {
            @Override
            public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
                return right.put(key, new AgedUsage(change.apply(entry.usage()), entry.age()), timeToLive);
            }
        });
    }

    private static List<Mutant<Adapter>> wrongFigures() {
        return List.of(
                stored(
                        "createdAt in milliseconds",
                        "returnsFigureAndAgeAsPut",
                        usage -> new OrganisationUsage(
                                usage.key(),
                                usage.received(),
                                usage.sent(),
                                usage.createdAt().truncatedTo(ChronoUnit.MILLIS))),
                stored(
                        "createdAt when it is put",
                        "returnsFigureAndAgeAsPut",
                        usage -> new OrganisationUsage(usage.key(), usage.received(), usage.sent(), Instant.now())),
                stored(
                        "nothing sent",
                        "returnsFigureAndAgeAsPut",
                        usage -> new OrganisationUsage(
                                usage.key(), usage.received(), UsageMetrics.ZERO, usage.createdAt())),
                stored(
                        "numbers limited to int",
                        "returnsExtremeFiguresAsPut",
                        usage -> new OrganisationUsage(
                                usage.key(), limited(usage.received()), limited(usage.sent()), usage.createdAt())),
                stored(
                        "numbers as double",
                        "returnsExtremeFiguresAsPut",
                        usage -> new OrganisationUsage(
                                usage.key(), rounded(usage.received()), rounded(usage.sent()), usage.createdAt())),
                forwarding(
                        "zeros instead of nothing",
                        "findsNothingThatWasNeverPut",
                        cache -> new ForwardingUsageCache(cache) {
                            @Override
                            public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
                                return right.get(key)
                                        .thenApply(found -> found.or(() -> Optional.of(new AgedUsage(
                                                new OrganisationUsage(
                                                        key, UsageMetrics.ZERO, UsageMetrics.ZERO, Instant.EPOCH),
                                                Duration.ZERO))));
                            }
                        }),
                forwarding(
                        "a failure instead of nothing",
                        "findsNothingThatWasNeverPut",
                        cache -> new ForwardingUsageCache(cache) {
                            @Override
                            public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
                                return right.get(key).thenApply(found -> Optional.of(found.orElseThrow()));
                            }
                        }),
                forwarding(
                        "a put that isn't visible yet",
                        "returnsFigureAndAgeAsPut",
                        cache -> new ForwardingUsageCache(cache) {
                            @Override
                            public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
                                CompletableFuture.delayedExecutor(1, TimeUnit.SECONDS)
                                        .execute(() -> right.put(key, entry, timeToLive));
                                return CompletableFuture.completedFuture(null);
                            }
                        }));
    }

    private static UsageMetrics limited(UsageMetrics metrics) {
        return new UsageMetrics(
                Math.min(metrics.volume(), Integer.MAX_VALUE), Math.min(metrics.bytes(), Integer.MAX_VALUE));
    }

    private static UsageMetrics rounded(UsageMetrics metrics) {
        return new UsageMetrics((long) (metrics.volume() * 0.999_999), (long) (metrics.bytes() * 0.999_999));
    }

    private static Mutant<Adapter> mapKey(String fault, String check, Function<UsageKey, Object> change) {
        return mutant(fault, check, (entries, ticker) -> new MapUsageCache(entries, ticker) {
            @Override
            Object mapKey(UsageKey key) {
                return change.apply(key);
            }
        });
    }

    private static List<Mutant<Adapter>> wrongKeys() {
        return List.of(
                mapKey("one entry an organisation", "keepsOneEntryPerKey", UsageKey::organisationId),
                mapKey(
                        "the key by its label",
                        "keepsOneEntryPerKey",
                        key -> key.organisationId() + ":" + key.period().label()),
                mapKey(
                        "the key by its month",
                        "keepsOneEntryPerKey",
                        key -> List.of(
                                key.organisationId(),
                                key.period().start().toString().substring(0, 7))),
                mapKey(
                        "the key in lower case",
                        "keepsOneEntryPerKey",
                        key -> List.of(
                                key.organisationId().toLowerCase(Locale.ROOT),
                                key.period().start(),
                                key.period().end())),
                mapKey(
                        "the key in seconds",
                        "keepsOneEntryPerKey",
                        key -> List.of(
                                key.organisationId(),
                                key.period().start().getEpochSecond(),
                                key.period().end().getEpochSecond())),
                mapKey(
                        "the key by window and label",
                        "sharesEntryOfPeriodsWithSameWindow",
                        key -> List.of(key, key.period().label())),
                mutant(
                        "the label of the put",
                        "sharesEntryOfPeriodsWithSameWindow",
                        (entries, ticker) -> new MapUsageCache(entries, ticker) {
                            @Override
                            OrganisationUsage labelled(UsageKey key, OrganisationUsage usage) {
                                return usage;
                            }
                        }),
                mutant(
                        "no check of the entry",
                        "rejectsEntryOfAnotherKey",
                        (entries, ticker) -> new MapUsageCache(entries, ticker) {
                            @Override
                            void check(UsageKey key, AgedUsage entry, Duration timeToLive) {
                                UsageCache.checkPut(entry.usage().key(), entry, timeToLive);
                            }
                        }),
                mutant(
                        "no check of the time to live",
                        "rejectsTimeToLiveBelowOneMillisecond",
                        (entries, ticker) -> new MapUsageCache(entries, ticker) {
                            @Override
                            void check(UsageKey key, AgedUsage entry, Duration timeToLive) {
                                UsageCache.checkPut(key, entry, Duration.ofDays(1));
                            }
                        }));
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
