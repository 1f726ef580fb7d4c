package io.usagekit.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.FlightStore.Publication;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/**
 * What a {@link FlightStore} promises of publications.
 */
abstract class FlightStorePublicationCases extends FlightStoreLeaseCases {

    @Test
    final void whatIsPublishedIsStoredAndTheLeaseGivenBack() {
        long fence = granted(here, "a");
        assertStored(publish(here, "a", fence, new AgedUsage(usage(KEY, 7), Duration.ofSeconds(5))));

        AgedUsage kept = await(cache.get(KEY)).orElseThrow();
        assertEquals(usage(KEY, 7), kept.usage());
        assertAbout(Duration.ofSeconds(5), kept.age());
        granted(there, "b");
        elapse(TIME_TO_LIVE.minusSeconds(20));
        assertTrue(await(cache.get(KEY)).isPresent(), "20 s before its time is over");
        elapse(Duration.ofSeconds(20));
        assertEquals(Optional.empty(), await(cache.get(KEY)), "when its time is over");
    }

    @Test
    final void aFigureReplacesAnOlderOne() {
        await(cache.put(KEY, new AgedUsage(usage(KEY, 1), Duration.ofSeconds(50)), TIME_TO_LIVE));
        long fence = granted(here, "a");
        assertStored(publish(here, "a", fence, figure(2)));
        assertKept(2);
    }

    @Test
    final void aFigureIsStoredAlsoWhereTheLeaseHasRunOutMeanwhile() {
        long fence = granted(here, "a");
        elapse(LEASE);
        assertStored(publish(here, "a", fence, figure(1)));
        assertKept(1);
    }

    @Test
    final void whoHasLostTheLeaseToAFlightUnderWayIsOutrun() {
        long first = granted(here, "a");
        elapse(LEASE);
        long second = granted(there, "b");

        assertEquals(new Publication.LeaseLost(second), publish(here, "a", first, figure(1)));

        assertEquals(Optional.empty(), await(cache.get(KEY)), "nothing is stored");
        assertEquals(
                second,
                assertInstanceOf(Acquisition.Held.class, acquire(here, "c")).fence(),
                "the other's lease stays");
        assertStored(publish(there, "b", second, figure(2)));
    }

    @Test
    final void whoHasLostTheLeaseToAFlightThatFailedIsOutrunToo() {
        long first = granted(here, "a");
        elapse(LEASE);
        long second = granted(there, "b");
        await(there.fail(KEY, "b", "no database", BACK_OFF));
        assertEquals(new Publication.LeaseLost(second), publish(here, "a", first, figure(1)));
        assertInstanceOf(Acquisition.Failed.class, acquire(here, "c"));
    }

    @Test
    final void aFigureOfAnEarlierFlightDoesNotCountAsNewer() {
        assertStored(publish(here, "z", granted(here, "z"), new AgedUsage(usage(KEY, 1), Duration.ofSeconds(50))));
        long first = granted(here, "a");
        elapse(LEASE);
        long second = granted(there, "b");
        assertEquals(new Publication.LeaseLost(second), publish(here, "a", first, figure(2)));
        assertKept(1);
    }

    @Test
    final void whoHasLostTheLeaseToAFlightThatPublishedIsSuperseded() {
        long first = granted(here, "a");
        elapse(LEASE);
        long second = granted(there, "b");
        assertStored(publish(there, "b", second, new AgedUsage(usage(KEY, 2), Duration.ofSeconds(30))));

        assertSuperseded(2, publish(here, "a", first, figure(1)));
        assertKept(2);

        long third = granted(there, "c");
        assertSuperseded(2, publish(here, "a", first, figure(1)));
        assertEquals(
                third,
                assertInstanceOf(Acquisition.Held.class, acquire(here, "d")).fence(),
                "a third flight isn't disturbed");
    }

    @Test
    final void whatSupersedesCarriesTheLabelThatItWasAskedWith() {
        UsageKey asWindow = new UsageKey("org-123", UsagePeriod.between(MARCH.start(), MARCH.end()));
        long first = granted(here, "a");
        elapse(LEASE);
        assertStored(publish(there, "b", granted(there, "b"), figure(2)));
        Publication.Superseded superseded = assertInstanceOf(
                Publication.Superseded.class,
                await(here.publish(
                        asWindow, "a", first, new AgedUsage(usage(asWindow, 1), Duration.ZERO), TIME_TO_LIVE)));
        assertEquals(
                asWindow.period().label(), superseded.newer().usage().period().label());
    }

    @Test
    final void aYoungerFigureThatWasPutSupersedesOneThatMayNotBeStored() {
        long first = granted(here, "a");
        elapse(LEASE);
        long second = granted(there, "b");
        await(cache.put(KEY, new AgedUsage(usage(KEY, 3), Duration.ofSeconds(10)), TIME_TO_LIVE));
        assertSuperseded(3, publish(here, "a", first, new AgedUsage(usage(KEY, 1), Duration.ofSeconds(40))));
        assertEquals(
                new Publication.LeaseLost(second),
                publish(here, "a", first, figure(1)),
                "one that is older than what is published isn't newer");
        assertStored(publish(there, "b", second, figure(2)));
    }

    @Test
    final void aFenceThatWasNeverIssuedIsForgotten() {
        assertEquals(new Publication.Invalidated(), publish(here, "a", 7, figure(1)));
        assertEquals(Optional.empty(), await(cache.get(KEY)));
    }

    @Test
    final void aFigureOfAnotherKeyIsRejected() {
        AgedUsage other = new AgedUsage(usage(new UsageKey("org-124", MARCH), 1), Duration.ZERO);
        IllegalArgumentException error =
                assertThrows(IllegalArgumentException.class, () -> here.publish(KEY, "a", 1, other, TIME_TO_LIVE));
        assertMentions("org-124", error);
    }

    @Test
    final void timesBelowAMillisecondAreRejected() {
        for (Duration tooShort : List.of(Duration.ofMillis(-1), Duration.ZERO, Duration.ofNanos(999_999))) {
            LeaseRequest request = new LeaseRequest("a", tooShort, Duration.ZERO, OptionalLong.empty());
            assertRejected("lease", tooShort, () -> here.acquire(KEY, request));
            assertRejected("lease", tooShort, () -> here.renew(KEY, "a", tooShort));
            assertRejected("timeToLive", tooShort, () -> here.publish(KEY, "a", 1, figure(1), tooShort));
            assertRejected("backOff", tooShort, () -> here.fail(KEY, "a", "reason", tooShort));
        }
    }

    private static void assertRejected(String argument, Duration value, Runnable call) {
        IllegalArgumentException error = assertThrows(IllegalArgumentException.class, call::run);
        assertMentions(argument, error);
        assertMentions(value.toString(), error);
    }
}
