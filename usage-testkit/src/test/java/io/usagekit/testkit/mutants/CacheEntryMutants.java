package io.usagekit.testkit.mutants;

import static io.usagekit.testkit.mutants.UsageCacheMutantsTest.forwarding;
import static io.usagekit.testkit.mutants.UsageCacheMutantsTest.mutant;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.testkit.mutants.UsageCacheMutantsTest.Adapter;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** Caches with wrong lives, ages, figures or keys. */
final class CacheEntryMutants {

    private CacheEntryMutants() {}

    static List<Mutant<Adapter>> all() {
        return Stream.of(wrongLives(), wrongAges(), wrongFigures(), wrongKeys())
                .flatMap(List::stream)
                .toList();
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
                                usage.createdAt().truncatedTo(ChronoUnit.MILLIS),
                                usage.unmeasured())),
                stored(
                        "createdAt when it is put",
                        "returnsFigureAndAgeAsPut",
                        usage -> new OrganisationUsage(
                                usage.key(), usage.received(), usage.sent(), Instant.now(), usage.unmeasured())),
                stored(
                        "nothing sent",
                        "returnsFigureAndAgeAsPut",
                        usage -> new OrganisationUsage(
                                usage.key(),
                                usage.received(),
                                UsageMetrics.ZERO,
                                usage.createdAt(),
                                usage.unmeasured())),
                stored(
                        "numbers limited to int",
                        "returnsExtremeFiguresAsPut",
                        usage -> new OrganisationUsage(
                                usage.key(),
                                limited(usage.received()),
                                limited(usage.sent()),
                                usage.createdAt(),
                                usage.unmeasured())),
                stored(
                        "numbers as double",
                        "returnsExtremeFiguresAsPut",
                        usage -> new OrganisationUsage(
                                usage.key(),
                                rounded(usage.received()),
                                rounded(usage.sent()),
                                usage.createdAt(),
                                usage.unmeasured())),
                stored(
                        "nothing unmeasured",
                        "returnsExtremeFiguresAsPut",
                        usage -> new OrganisationUsage(usage.key(), usage.received(), usage.sent(), usage.createdAt())),
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
}
