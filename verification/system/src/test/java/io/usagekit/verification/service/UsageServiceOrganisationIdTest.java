package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.KEY;
import static io.usagekit.verification.service.ServiceFixture.MARCH;
import static io.usagekit.verification.service.ServiceFixture.ORG;
import static io.usagekit.verification.service.ServiceFixture.START;
import static io.usagekit.verification.service.ServiceFixture.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.usagekit.Freshness;
import io.usagekit.MissPolicy;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageResults;
import io.usagekit.UsageService;
import io.usagekit.UsageUnavailableException;
import io.usagekit.WarmResult;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A source that takes spellings of an id for one organisation: they are one key, and each caller gets its own spelling back. */
class UsageServiceOrganisationIdTest {

    private static final String SPELLED = "ORG-123";
    private static final UsagePeriod APRIL = MARCH.next();

    private final ServiceFixture fixture = new ServiceFixture();
    private final CaseBlind calculator = new CaseBlind();

    @AfterEach
    void close() {
        calculator.answer.countDown();
        fixture.close();
    }

    /** Writes ids in lower case once it has asked; holds none with a question mark. */
    private final class CaseBlind implements UsageCalculator {
        volatile boolean knows = true;
        volatile boolean down;
        volatile CountDownLatch answer = new CountDownLatch(0);

        @Override
        public OrganisationUsage calculate(UsageKey key, Duration timeout) {
            learnIds(timeout);
            UsageKey written = new UsageKey(key.organisationId().toLowerCase(Locale.ROOT), key.period());
            return fixture.calculator.calculate(written, timeout).withOrganisationId(key.organisationId());
        }

        @Override
        public String canonicalId(String organisationId) {
            if (knows && organisationId.contains("?")) {
                throw new IllegalArgumentException(
                        "organisationId must have no question mark, but was " + organisationId);
            }
            return knows ? organisationId.toLowerCase(Locale.ROOT) : organisationId;
        }

        @Override
        public boolean knowsIds() {
            return knows;
        }

        @Override
        public void learnIds(Duration timeout) {
            ServiceFixture.await(answer);
            if (down) {
                throw new UsageCalculationException("the source is down", null);
            }
            knows = true;
        }
    }

    private UsageService open() {
        return fixture.open(UsageService.builder(calculator)
                .cache(fixture.cache)
                .listener(fixture.events)
                .refreshJitterPercent(0)
                .errorBackOff(Duration.ZERO)
                .clock(fixture.clock)
                .ticker(fixture.clock.ticker()));
    }

    private static void assertFigureOf(String organisationId, UsageResult result) {
        assertFigure(result);
        assertThat(result.key()).isEqualTo(new UsageKey(organisationId, MARCH));
        assertThat(result.usage().map(OrganisationUsage::organisationId)).contains(organisationId);
    }

    @Test
    void spellingsShareOneFigure() {
        UsageService service = open();
        assertFigureOf(SPELLED, service.get(SPELLED, MARCH));
        assertFigureOf(ORG, service.get(ORG, MARCH));
        assertFigureOf("Org-123", ServiceFixture.resultOf(service.getAsync("Org-123", MARCH)));
        assertThat(fixture.calculator.calls()).isEqualTo(1);
        assertFigureOf(SPELLED, service.refresh(SPELLED, MARCH));
        assertFigureOf(SPELLED, ServiceFixture.resultOf(service.refreshAsync(SPELLED, MARCH)));
        assertThat(fixture.calculator.calls()).isEqualTo(3);
    }

    @Test
    void invalidationOfOneSpellingIsOfAll() {
        UsageService service = open();
        service.get(ORG, MARCH);
        service.invalidate(SPELLED, MARCH);
        service.get(ORG, MARCH);
        service.invalidate(SPELLED);
        service.get(ORG, MARCH);
        ServiceFixture.resultOf(service.invalidateAsync(SPELLED, MARCH));
        service.get(ORG, MARCH);
        ServiceFixture.resultOf(service.invalidateAsync(SPELLED));
        service.get(ORG, MARCH);
        assertThat(fixture.calculator.calls()).isEqualTo(5);
    }

    @Test
    void bulkCallHasEachRequestedKey() {
        UsageService service = open();
        List<String> requested = List.of(SPELLED, "org-?", ORG, "other");
        for (UsageResults results : List.of(
                service.getAll(requested, MARCH), ServiceFixture.resultOf(service.getAllAsync(requested, MARCH)))) {
            assertThat(results.results().keySet())
                    .containsExactly(new UsageKey(SPELLED, MARCH), KEY, new UsageKey("other", MARCH));
            assertFigureOf(SPELLED, results.get(new UsageKey(SPELLED, MARCH)));
            assertFigureOf(ORG, results.get(KEY));
            UsageException failure = results.failures().get(new UsageKey("org-?", MARCH));
            assertThat(failure)
                    .hasMessageContaining("must have no question mark")
                    .hasCauseInstanceOf(IllegalArgumentException.class);
        }
        assertThat(fixture.calculator.calls()).isEqualTo(2);
        for (UsageResults results : List.of(
                service.get(SPELLED, List.of(MARCH, APRIL)),
                ServiceFixture.resultOf(service.getAsync(SPELLED, List.of(MARCH, APRIL))))) {
            assertThat(results.results().keySet())
                    .containsExactly(new UsageKey(SPELLED, MARCH), new UsageKey(SPELLED, APRIL));
            assertFigureOf(SPELLED, results.get(new UsageKey(SPELLED, MARCH)));
        }
        assertThat(fixture.calculator.calls()).isEqualTo(3);
    }

    @Test
    void warmingCountsOrganisationsOnceAndListsMalformedOnes() {
        UsageService service = open();
        List<String> requested = List.of(SPELLED, "org-?", ORG);
        WarmResult warm = service.warm(requested, MARCH);
        assertThat(warm.computed()).isEqualTo(1);
        assertThat(warm.failures()).containsOnlyKeys("org-?");
        WarmResult again = ServiceFixture.resultOf(service.warmAsync(requested, MARCH));
        assertThat(again.fresh()).isEqualTo(1);
        assertThat(again.failures()).containsOnlyKeys("org-?");
    }

    @Test
    void malformedIdIsCallersErrorAndNoFailureOfSource() {
        UsageService service = open();
        for (Runnable call : List.<Runnable>of(
                () -> service.get("org-?", MARCH),
                () -> service.getAsync("org-?", MARCH),
                () -> service.get("org-?", List.of(MARCH)),
                () -> service.refresh("org-?", MARCH),
                () -> service.invalidate("org-?"),
                () -> service.invalidateAsync("org-?", MARCH))) {
            assertThatIllegalArgumentException().isThrownBy(call::run).withMessageContaining("question mark");
        }
        assertThat(fixture.calculator.calls()).isZero();
        assertThat(fixture.events.names()).isEmpty();
    }

    @Test
    void firstCallsAskSourceOnce() throws InterruptedException {
        calculator.knows = false;
        calculator.answer = new CountDownLatch(1);
        UsageService service = open();
        Future<UsageResult> one = fixture.call(() -> service.get(SPELLED, MARCH));
        Future<UsageResult> other = fixture.call(
                () -> ServiceFixture.resultOf(service.with(MissPolicy.await()).getAsync(ORG, MARCH)));
        calculator.answer.countDown();
        assertFigureOf(SPELLED, ServiceFixture.done(one));
        assertFigureOf(ORG, ServiceFixture.done(other));
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    @Test
    void cachedFigureIsServedWhileSourceIsDown() {
        calculator.knows = false;
        calculator.down = true;
        fixture.keep(Duration.ZERO);
        UsageService service = open();
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
        assertFigureOf(ORG, ServiceFixture.resultOf(service.getAsync(ORG, MARCH)));
        assertThatExceptionOfType(UsageCalculationException.class)
                .isThrownBy(() -> service.get(SPELLED, MARCH))
                .withMessageContaining("the source is down");
        calculator.down = false;
        fixture.clock.advance(Duration.ofSeconds(2));
        service.invalidate("unrelated");
        assertFigureOf(SPELLED, service.get(SPELLED, MARCH));
        assertThat(fixture.calculator.calls()).as("found under its one key").isZero();
    }

    @Test
    void invalidationFailsVisiblyWhileSpellingsAreNotKnown() {
        calculator.knows = false;
        calculator.down = true;
        fixture.keep(Duration.ZERO);
        UsageService service = open();
        assertThatExceptionOfType(UsageCalculationException.class)
                .isThrownBy(() -> service.invalidate(SPELLED))
                .withMessageContaining("invalidated as written only")
                .withMessageContaining("the source is down");
        assertThat(ServiceFixture.failureOf(service.invalidateAsync(ORG, MARCH)))
                .hasMessageContaining("invalidated as written only");
        assertThat(ServiceFixture.resultOf(fixture.cache.get(KEY)))
                .as("as written it is")
                .isEmpty();
    }

    @Test
    void callThatWaitsForTheSourceFailsWhenTheServiceIsClosed() {
        calculator.knows = false;
        calculator.answer = new CountDownLatch(1);
        UsageService service = open();
        var waiting = service.getAsync(ORG, MARCH);
        service.close();
        calculator.answer.countDown();
        assertThat(ServiceFixture.failureOf(waiting))
                .isInstanceOf(UsageUnavailableException.class)
                .hasMessageContaining("closed");
        assertThat(fixture.calculator.calls()).isZero();
    }

    /** The source comes back between the question and the computation: nothing is kept under a second key. */
    @Test
    void nothingIsStoredUnderAnotherSpelling() {
        calculator.knows = false;
        calculator.down = true;
        UsageService service = open();
        assertThatExceptionOfType(UsageCalculationException.class).isThrownBy(() -> service.get(SPELLED, MARCH));
        calculator.down = false;
        assertThatExceptionOfType(UsageCalculationException.class)
                .isThrownBy(() -> service.get(SPELLED, MARCH))
                .withMessageContaining("call again");
        assertThat(ServiceFixture.resultOf(fixture.cache.get(new UsageKey(SPELLED, MARCH))))
                .isEmpty();
        fixture.database.received(ORG, START, 10);
        assertThat(service.get(SPELLED, MARCH).usage()).isPresent();
        assertThat(ServiceFixture.resultOf(fixture.cache.get(KEY))).isPresent();
    }
}
