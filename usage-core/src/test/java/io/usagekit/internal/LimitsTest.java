package io.usagekit.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.internal.flight.StepwiseLoad;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LimitsTest {

    private static final Duration SOFT = Duration.ofMinutes(1);
    private static final Duration HARD = Duration.ofMinutes(10);
    private static final Duration GRACE = Duration.ofHours(1);
    private static final Instant AT = Instant.parse("2026-03-17T01:28:00.123456Z");
    private static final Duration NANO = Duration.ofNanos(1);

    @Test
    void withoutJitterEveryFiguresLimitIsExactlyTheSoftOne() {
        Limits limits = new Limits(SOFT, HARD, GRACE, 0);
        figures(1_000).forEach(figure -> assertThat(limits.softFor(figure)).isEqualTo(SOFT));
        assertThat(limits.isFresh(aged(SOFT.minus(NANO)))).isTrue();
        assertThat(limits.isFresh(aged(SOFT))).isFalse();
    }

    @Test
    void aSoftLimitOfZeroStaysZeroAndNothingIsEverFresh() {
        Limits limits = new Limits(Duration.ZERO, HARD, GRACE, 50);
        figures(1_000).forEach(figure -> {
            assertThat(limits.softFor(figure)).isZero();
            assertThat(limits.isFresh(figure)).isFalse();
        });
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 10, 50})
    void jitterStaysWithinItsBoundsAndReachesBoth(int percent) {
        Limits limits = new Limits(SOFT, HARD, GRACE, percent);
        Duration least = SOFT.multipliedBy(100 - percent).dividedBy(100);
        Duration most = SOFT.multipliedBy(100 + percent).dividedBy(100);
        List<Duration> jittered = figures(20_000).stream().map(limits::softFor).toList();
        assertThat(jittered).allSatisfy(soft -> assertThat(soft).isBetween(least, most));
        assertThat(jittered).contains(least, most);
    }

    @Test
    void figuresComputedTogetherDontFallDueTogether() {
        Limits limits = new Limits(SOFT, HARD, GRACE, 10);
        int[] perTenth = new int[10];
        figures(10_000).forEach(figure -> {
            long above = limits.softFor(figure)
                    .minus(SOFT.multipliedBy(9).dividedBy(10))
                    .toMillis();
            perTenth[(int) Math.min(9, above * 10 / 12_000)]++;
        });
        assertThat(perTenth).as("figures of 10,000 in each tenth of the range").satisfies(counts -> {
            for (int count : counts) {
                assertThat(count).isBetween(850, 1_150);
            }
        });
    }

    @Test
    void oneFiguresLimitDependsOnItsKeyAndTheTimeOfItsComputationAndNothingElse() {
        Limits limits = new Limits(SOFT, HARD, GRACE, 10);
        AgedUsage figure = figure("org-123", AT, Duration.ZERO, 1);
        AgedUsage olderNow = figure("org-123", AT, SOFT, 7);
        assertThat(limits.softFor(olderNow)).isEqualTo(limits.softFor(figure));
        assertThat(new Limits(SOFT, HARD, GRACE, 10).softFor(figure))
                .as("as another process has it")
                .isEqualTo(limits.softFor(figure));
        assertThat(limits.softFor(figure))
                .as("the value, which no process may compute differently")
                .isEqualTo(Duration.ofMillis(58_500));
        Set<Duration> overTime = IntStream.range(0, 100)
                .mapToObj(i -> limits.softFor(figure("org-123", AT.plusSeconds(i), Duration.ZERO, 1)))
                .collect(Collectors.toSet());
        assertThat(overTime).as("limits of one key's figures over time").hasSizeGreaterThan(50);
    }

    @Test
    void aFigurePastItsHardLimitIsntFreshWhateverItsJitter() {
        Limits limits = new Limits(HARD.minus(NANO), HARD, GRACE, 50);
        assertThat(figures(1_000))
                .as("some would have a soft limit beyond the hard one")
                .anyMatch(figure -> limits.softFor(figure).compareTo(HARD) > 0);
        figures(1_000).forEach(figure -> {
            AgedUsage old = new AgedUsage(figure.usage(), HARD);
            assertThat(limits.isFresh(old)).isFalse();
            assertThat(limits.isServable(old)).isFalse();
        });
    }

    @Test
    void eachLimitEndsWhereTheNextBegins() {
        Limits limits = new Limits(SOFT, HARD, GRACE, 0);
        assertThat(limits.life()).isEqualTo(Duration.ofMinutes(70));
        assertThat(limits.isServable(aged(HARD.minus(NANO)))).isTrue();
        assertThat(limits.isServable(aged(HARD))).isFalse();
        assertThat(limits.isAlive(aged(Duration.ofMinutes(70).minus(NANO)))).isTrue();
        assertThat(limits.isAlive(aged(Duration.ofMinutes(70)))).isFalse();
    }

    private static List<AgedUsage> figures(int howMany) {
        return IntStream.range(0, howMany)
                .mapToObj(i -> figure("org-" + i, AT, Duration.ZERO, 1))
                .toList();
    }

    private static AgedUsage aged(Duration age) {
        return figure("org-123", AT, age, 1);
    }

    private static AgedUsage figure(String organisationId, Instant createdAt, Duration age, long volume) {
        UsageKey key = new UsageKey(organisationId, StepwiseLoad.MARCH);
        UsageMetrics metrics = new UsageMetrics(volume, 0);
        return new AgedUsage(new OrganisationUsage(key, metrics, metrics, createdAt), age);
    }
}
