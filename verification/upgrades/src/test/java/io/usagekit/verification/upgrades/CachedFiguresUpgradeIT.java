package io.usagekit.verification.upgrades;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lettuce.core.SetArgs;
import io.usagekit.verification.upgrades.Release.Instance;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Figures that one version stores in Redis are served by the other one, or are a miss. */
class CachedFiguresUpgradeIT {

    private static final String MARCH = "2026-03";
    private static final Duration TIMELY = Duration.ofSeconds(20);

    /** Ids and periods whose keys are encoded in every way that there is. */
    private static final List<String> ORGANISATIONS = List.of("org-123", "a:b{c}%d e", "größe/№ 1", "x".repeat(255));

    private static final List<String> PERIODS =
            List.of(MARCH, "2026-03-17", "2026-03-01/2026-03-09", "2026-02-28T18:30:00Z/2026-03-31T18:30:00.000001Z");

    /** Each computation returns other numbers. */
    private static final class Computations implements Release.Calculation {

        private final AtomicLong count = new AtomicLong();

        @Override
        public long[] compute(String organisation, String period) {
            long number = count.incrementAndGet();
            return new long[] {number, Long.MAX_VALUE - number, 0, number * 1_000};
        }
    }

    static Stream<Arguments> bothDirections() {
        return Stream.of(
                Arguments.of(Baseline.previous(), Baseline.present()),
                Arguments.of(Baseline.present(), Baseline.previous()));
    }

    @BeforeEach
    void clear() {
        Servers.clearRedis();
    }

    @Test
    void theVersionsAreDifferentClasses() {
        assertThat(Baseline.previous().getClass())
                .isNotEqualTo(Baseline.present().getClass());
        assertThat(Baseline.previous().getClass().getClassLoader()).isInstanceOf(Baseline.class);
    }

    @Test
    void aFigureOfThePreviousVersionIsServedWithoutAComputation() {
        Computations computations = new Computations();
        try (Instance previous = Baseline.previous().start(Servers.redisUrl(), computations);
                Instance present = Baseline.present().start(Servers.redisUrl(), computations)) {
            assertServesStored(previous, present);
        }
        assertThat(computations.count).hasValue((long) ORGANISATIONS.size() * PERIODS.size());
    }

    /** The value names its key, which the previous version doesn't read; what it stores instead serves both. */
    @Test
    void aFigureIsComputedOnceMoreForThePreviousVersion() {
        Computations computations = new Computations();
        try (Instance present = Baseline.present().start(Servers.redisUrl(), computations);
                Instance previous = Baseline.previous().start(Servers.redisUrl(), computations)) {
            ORGANISATIONS.forEach(organisation -> PERIODS.forEach(period -> present.get(organisation, period)));
            ORGANISATIONS.forEach(organisation -> PERIODS.forEach(period -> previous.get(organisation, period)));
            try (Instance later = Baseline.present().start(Servers.redisUrl(), computations)) {
                assertServesStored(previous, later);
            }
        }
        assertThat(computations.count).hasValue(2L * ORGANISATIONS.size() * PERIODS.size());
    }

    private static void assertServesStored(Instance writing, Instance reading) {
        for (String organisation : ORGANISATIONS) {
            for (String period : PERIODS) {
                Figure written = writing.get(organisation, period);
                assertThat(reading.get(organisation, period)).isEqualTo(written);
                assertThat(reading.get(organisation, period))
                        .as("from the near cache")
                        .isEqualTo(written);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("bothDirections")
    void aValueOfAnotherFormatVersionIsAMiss(Release writer, Release reader) {
        Computations computations = new Computations();
        try (Instance writing = writer.start(Servers.redisUrl(), computations);
                Instance reading = reader.start(Servers.redisUrl(), computations)) {
            Figure written = writing.get("org-123", MARCH);
            String key = "usage:org-123:" + MARCH;
            Servers.redis(commands -> {
                String value = commands.get(key);
                assertThat(value).containsPattern("^v[12] .*[ =]1/");
                return commands.set(key, value.replaceFirst("^v[12] ", "v0 "), SetArgs.Builder.keepttl());
            });

            Figure read = reading.get("org-123", MARCH);

            assertThat(read).isNotEqualTo(written);
            assertThat(read.receivedVolume()).isEqualTo(2);
            assertThat(computations.count).hasValue(2);
        }
    }

    /** The previous version can't say that a figure lacks octets: it must not serve it as if it had all of them. */
    @Test
    void aFigureWithUnmeasuredRowsIsAMissForThePreviousVersion() {
        Computations computations = new Computations();
        try (Instance present = Baseline.present().start(Servers.redisUrl(), computations);
                Instance previous = Baseline.previous().start(Servers.redisUrl(), computations)) {
            Figure written = present.get("org-123", MARCH);
            Servers.redis(commands -> {
                String key = "usage:org-123:" + MARCH;
                String value = commands.get(key).replace(" computed=", " unmeasured=3 computed=");
                return commands.set(key, value, SetArgs.Builder.keepttl());
            });
            assertThat(present.get("org-123", MARCH)).isEqualTo(written);
            assertThat(computations.count).hasValue(1);

            assertThat(previous.get("org-123", MARCH).receivedVolume()).isEqualTo(2);
            assertThat(present.get("org-123", MARCH).receivedVolume())
                    .as("what the previous version stored")
                    .isEqualTo(2);
        }
    }

    @ParameterizedTest
    @MethodSource("bothDirections")
    void anInvalidationReachesTheOthersNearCache(Release writer, Release reader) {
        Computations computations = new Computations();
        try (Instance one = writer.start(Servers.redisUrl(), computations);
                Instance other = reader.start(Servers.redisUrl(), computations)) {
            one.get("org-123", MARCH);
            Figure before = other.get("org-123", MARCH);
            await(one, before.organisation(), before::equals);

            other.invalidate("org-123", MARCH);

            Figure after = await(one, before.organisation(), figure -> !figure.equals(before));
            assertThat(after.receivedVolume()).isEqualTo(before.receivedVolume() + 1);
            assertThat(other.get("org-123", MARCH)).isNotEqualTo(before);
        }
    }

    @ParameterizedTest
    @MethodSource("bothDirections")
    void anOrganisationsPeriodsOfOneVersionAreInvalidatedByTheOther(Release writer, Release reader) {
        Computations computations = new Computations();
        try (Instance one = writer.start(Servers.redisUrl(), computations);
                Instance other = reader.start(Servers.redisUrl(), computations)) {
            List<Figure> before =
                    PERIODS.stream().map(period -> one.get("org-123", period)).toList();
            one.get("org-9", MARCH);
            Figure kept = other.get("org-9", MARCH);

            other.invalidate("org-123");

            assertThat(PERIODS.stream().map(period -> other.get("org-123", period)))
                    .doesNotContainAnyElementsOf(before);
            assertThat(other.get("org-9", MARCH)).isEqualTo(kept);
        }
    }

    /** A near cache receives the change some time after Redis has acknowledged it. */
    private static Figure await(Instance process, String organisation, Predicate<Figure> expected) {
        long deadline = System.nanoTime() + TIMELY.toNanos();
        Figure now = process.get(organisation, MARCH);
        while (!expected.test(now) && System.nanoTime() < deadline) {
            LockSupport.parkNanos(1_000_000);
            now = process.get(organisation, MARCH);
        }
        assertThat(now).matches(expected);
        return now;
    }

    /** A version that stores the same text with another meaning is detected: the suite can fail. */
    @Test
    void aScriptThatStoresOtherFiguresIsDetected() {
        Release wrong = Baseline.changed(
                "redis/publish.lua",
                "redis.call('SET', KEYS[1], ARGV[3],",
                "redis.call('SET', KEYS[1], string.gsub(ARGV[3], 'received=(%S+) sent=(%S+)', 'received=%2 sent=%1'),");
        Computations computations = new Computations();
        try (Instance writing = wrong.start(Servers.redisUrl(), computations);
                Instance reading = Baseline.present().start(Servers.redisUrl(), computations)) {
            assertThatThrownBy(() -> assertServesStored(writing, reading)).isInstanceOf(AssertionError.class);
        }
    }
}
