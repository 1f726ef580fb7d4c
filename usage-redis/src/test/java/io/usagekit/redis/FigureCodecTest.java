package io.usagekit.redis;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FigureCodecTest {

    private static final UsageKey KEY = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final Instant COMPUTED = Instant.parse("2026-03-17T01:28:00Z");
    private static final String ENTRY = "usage:org-123:2026-03";
    private static final String TEXT = "v2 " + ENTRY + " 100/1024 50/512 2026-03-17T01:28:00Z 600000";
    private static final long LEFT = 540_000;

    @Test
    void writesFigureAsOneLineOfText() {
        AgedUsage figure =
                figure(new UsageMetrics(100, 1024), new UsageMetrics(50, 512), COMPUTED, Duration.ofSeconds(1));
        assertThat(FigureCodec.write(ENTRY, figure, Duration.ofSeconds(599))).isEqualTo(TEXT);
    }

    @Test
    void readsFigureFromItsText() {
        assertThat(FigureCodec.read(KEY, ENTRY, TEXT, LEFT))
                .contains(figure(
                        new UsageMetrics(100, 1024), new UsageMetrics(50, 512), COMPUTED, Duration.ofMinutes(1)));
    }

    @Test
    void readsFigureOfVersion1WhichNamesNoKey() {
        String text = "v1 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000";
        assertThat(FigureCodec.read(KEY, ENTRY, text, LEFT)).isEqualTo(FigureCodec.read(KEY, ENTRY, TEXT, LEFT));
        assertThat(FigureCodec.read(KEY, ENTRY, text, LEFT)).isPresent();
    }

    @Test
    void writesAndReadsHowManyRowsAreUnmeasured() {
        String text = TEXT.replace(" 2026", " unmeasured=3 2026");
        OrganisationUsage usage =
                new OrganisationUsage(KEY, new UsageMetrics(100, 1024), new UsageMetrics(50, 512), COMPUTED, 3);
        assertThat(FigureCodec.write(ENTRY, new AgedUsage(usage, Duration.ofSeconds(1)), Duration.ofSeconds(599)))
                .isEqualTo(text);
        assertThat(FigureCodec.read(KEY, ENTRY, text, LEFT)).contains(new AgedUsage(usage, Duration.ofMinutes(1)));
        assertThat(FigureCodec.read(KEY, ENTRY, text.replace("=3 ", "=0 "), LEFT))
                .as("a figure has exactly one text")
                .isEmpty();
    }

    @Test
    void writesTypicalFigureInAtMost96BytesBesideItsName() {
        UsageMetrics metrics = new UsageMetrics(1_000_000_000L, 10_000_000_000_000L);
        String text = FigureCodec.write(
                ENTRY,
                figure(metrics, metrics, Instant.parse("2026-03-17T01:28:00.123456Z"), Duration.ofSeconds(30)),
                Duration.ofDays(1));
        assertThat(text.getBytes(StandardCharsets.UTF_8)).hasSizeLessThanOrEqualTo(96 + ENTRY.length());
    }

    @Test
    void readsRandomFiguresAsWritten() {
        long seed = seed();
        Random random = new Random(seed);
        for (int i = 0; i < 20_000; i++) {
            AgedUsage figure = figure(
                    randomMetrics(random),
                    randomMetrics(random),
                    Instant.ofEpochSecond(random.nextLong(4_000_000_000L), random.nextInt(1_000_000_000)),
                    Duration.ofNanos(random.nextLong(1L << random.nextInt(1, 62))));
            Duration timeToLive = Duration.ofNanos(random.nextLong(1_000_000, 100_000_000_000_000L));
            long kept = random.nextLong(timeToLive.toMillis() + 1);
            String text = FigureCodec.write(ENTRY, figure, timeToLive);

            AgedUsage read = FigureCodec.read(KEY, ENTRY, text, timeToLive.toMillis() - kept)
                    .orElseThrow(() -> new AssertionError("seed " + seed + ": " + text));

            Duration truth = figure.age().plusMillis(kept);
            assertThat(read.usage()).as("seed %d", seed).isEqualTo(figure.usage());
            assertThat(read.age())
                    .as("seed %d: the age, rounded up by less than a millisecond", seed)
                    .isBetween(truth, truth.plusNanos(999_999));
        }
    }

    @Test
    void readsExtremeFiguresAsWritten() {
        UsageMetrics most = new UsageMetrics(Long.MAX_VALUE, Long.MAX_VALUE);
        for (UsageMetrics metrics : List.of(UsageMetrics.ZERO, most)) {
            for (Instant computed : List.of(Instant.EPOCH, Instant.MIN, Instant.MAX)) {
                AgedUsage figure = figure(metrics, metrics, computed, Duration.ZERO);
                for (long timeToLive : new long[] {1, 86_400_000, Long.MAX_VALUE}) {
                    String text = FigureCodec.write(ENTRY, figure, Duration.ofMillis(timeToLive));
                    assertThat(FigureCodec.read(KEY, ENTRY, text, timeToLive)).contains(figure);
                }
            }
        }
    }

    @Test
    void roundsAgeUp() {
        AgedUsage figure = figure(UsageMetrics.ZERO, UsageMetrics.ZERO, COMPUTED, Duration.ofNanos(1));
        String text = FigureCodec.write(ENTRY, figure, Duration.ofSeconds(1));
        assertThat(FigureCodec.read(KEY, ENTRY, text, 1_000).map(AgedUsage::age))
                .contains(Duration.ofMillis(1));
    }

    @ParameterizedTest
    @ValueSource(longs = {-1, -2, Long.MIN_VALUE})
    void readsNothingWithoutExpiry(long left) {
        assertThat(FigureCodec.read(KEY, ENTRY, TEXT, left)).isEmpty();
    }

    @Test
    void readsNothingWhenRemainingTimeExceedsLife() {
        assertThat(FigureCodec.read(KEY, ENTRY, TEXT, 600_000).map(AgedUsage::age))
                .contains(Duration.ZERO);
        assertThat(FigureCodec.read(KEY, ENTRY, TEXT, 600_001)).isEmpty();
        assertThat(FigureCodec.read(KEY, ENTRY, TEXT, Long.MAX_VALUE)).isEmpty();
    }

    @Test
    void readsNothingFromTruncatedText() {
        // Without its last digit the life is shorter than the remaining time.
        for (int length = 0; length < TEXT.length(); length++) {
            assertThat(FigureCodec.read(KEY, ENTRY, TEXT.substring(0, length), LEFT))
                    .as("the first %d characters", length)
                    .isEmpty();
            assertThat(FigureCodec.read(KEY, ENTRY, TEXT.substring(length + 1), LEFT))
                    .as("all but the first %d characters", length + 1)
                    .isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "v1",
                "OK",
                "{\"received\":{\"volume\":100,\"bytes\":1024}}",
                "v2 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000",
                "v2 usage:org-123:2026-04 100/1024 50/512 2026-03-17T01:28:00Z 600000",
                "v2 usage:org-123:2026-03-17 100/1024 50/512 2026-03-17T01:28:00Z 600000",
                "v2 other:org-123:2026-03 100/1024 50/512 2026-03-17T01:28:00Z 600000",
                "v2  100/1024 50/512 2026-03-17T01:28:00Z 600000",
                "v2 100/1024 50/512 2026-03-17T01:28:00Z 600000",
                "v2 usage:org-123:2026-03 50/512 2026-03-17T01:28:00Z 600000",
                "v2 usage:org-123:2026-03 100/1024 50/512 3/4 2026-03-17T01:28:00Z 600000",
                "v2 usage:org-123:2026-03 100/1024 50/512 2026-03-17T01:28:00Z",
                "v2 usage:org-123:2026-03 100/1024 50/512 600000",
                "v2 usage:org-123:2026-03 100/1024 50/512 unmeasured=0 2026-03-17T01:28:00Z 600000",
                "v2 usage:org-123:2026-03 100/1024 50/512 3 2026-03-17T01:28:00Z 600000",
                "v2 usage:org-123:2026-03 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000",
                "v2 key=usage:org-123:2026-03 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000",
                "v1 100/1024 50/512 2026-03-17T01:28:00Z 600000",
                "v1 key=usage:org-123:2026-03 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000",
                "v3 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000",
                "V1 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000",
                "v1 sent=50/512 received=100/1024 computed=2026-03-17T01:28:00Z life=600000",
                "v1 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000 ",
                " v1 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000",
                "v1  received=100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000",
                "v1\treceived=100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000",
                "v1 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000\n",
                "v1 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000 x=1",
                "v1 received=-100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000",
                "v1 received=+100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000",
                "v1 received=100.0/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000",
                "v1 received=1e2/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000",
                "v1 received=/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000",
                "v1 received=0100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000",
                "v1 received=9223372036854775808/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000",
                "v1 received=100/9999999999999999999 sent=50/512 computed=2026-03-17T01:28:00Z life=600000",
                "v1 received=100/1024 sent=10000000000000000000/512 computed=2026-03-17T01:28:00Z life=600000",
                "v1 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=9223372036854775808",
                "v1 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=10000000000000000000",
                "v1 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=0600000",
                "v1 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=",
                "v1 received=١٠٠/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000",
                "v1 received=１００/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000",
                "v1 received=100/1024 sent=50/512 computed=2026-02-30T01:28:00Z life=600000",
                "v1 received=100/1024 sent=50/512 computed=2026-03-17T25:28:00Z life=600000",
                "v1 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00+01:00 life=600000",
                "v1 received=100/1024 sent=50/512 computed=2026-03-17t01:28:00z life=600000",
                "v1 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00.000Z life=600000",
                "v1 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00.123456789Z life=600000",
                "v1 received=100/1024 sent=50/512 computed=2026-03-16T24:00:00Z life=600000",
                "v1 received=100/1024 sent=50/512 computed=now-and-then-and-again life=600000",
                "v1 received=100/1024 sent=50/512 computed=+9999999999-03-17T01:28:00Z life=600000",
                "v1 received=100/1024 sent=50/512 computed=1773710880000 life=600000",
            })
    void readsNothingFromTextOfAnotherForm(String text) {
        assertThat(FigureCodec.read(KEY, ENTRY, text, LEFT)).isEmpty();
    }

    @Test
    void readsOnlyTextsThatItWouldWrite() {
        long seed = seed();
        Random random = new Random(seed);
        int figures = 0;
        for (int i = 0; i < 100_000; i++) {
            String text = mutated(random, TEXT);
            long left = random.nextInt(8) == 0 ? random.nextLong() : random.nextLong(600_001);
            Optional<AgedUsage> read = FigureCodec.read(KEY, ENTRY, text, left);
            if (read.isPresent()) {
                figures++;
                assertThat(FigureCodec.write(ENTRY, read.get(), Duration.ofMillis(left)))
                        .as("seed %d, mutation %d: a figure has one text", seed, i)
                        .isEqualTo(text);
            }
        }
        assertThat(figures)
                .as("seed %d: some mutations are readable, most aren't", seed)
                .isBetween(100, 60_000);
    }

    /** Replaces, inserts or removes one to three bytes, mostly with bytes that occur in figures. */
    private static String mutated(Random random, String text) {
        List<Byte> bytes = new ArrayList<>();
        for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
            bytes.add(b);
        }
        for (int times = random.nextInt(1, 4); times > 0; times--) {
            byte any = random.nextInt(4) == 0
                    ? (byte) random.nextInt(256)
                    : (byte) "0123456789+-.:/= TZtzv".charAt(random.nextInt(22));
            int at = random.nextInt(bytes.size());
            switch (random.nextInt(4)) {
                case 0 -> bytes.add(at, any);
                case 1 -> bytes.remove(at);
                case 2 -> Collections.swap(bytes, at, random.nextInt(bytes.size()));
                default -> bytes.set(at, any);
            }
        }
        byte[] mutated = new byte[bytes.size()];
        for (int i = 0; i < mutated.length; i++) {
            mutated[i] = bytes.get(i);
        }
        return new String(mutated, StandardCharsets.UTF_8);
    }

    private static AgedUsage figure(UsageMetrics received, UsageMetrics sent, Instant computed, Duration age) {
        return new AgedUsage(new OrganisationUsage(KEY, received, sent, computed), age);
    }

    /** Returns a random number of a random order of magnitude. */
    private static UsageMetrics randomMetrics(Random random) {
        return new UsageMetrics(
                random.nextLong() >>> random.nextInt(1, 64), random.nextLong() >>> random.nextInt(1, 64));
    }

    private static long seed() {
        long seed = new Random().nextLong();
        System.out.println("FigureCodecTest seed " + seed);
        return seed;
    }
}
