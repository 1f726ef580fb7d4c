package io.usagekit.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.AgedUsage;
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

/** Cases of publishing figures. */
abstract class FlightStorePublicationCases extends FlightStoreFixture {

    FlightStorePublicationCases(FlightStoreContract contract) {
        super(contract);
    }

    @Test
    final void storesPublishedFigureAndReleasesLease() {
        long fence = acquired(here, "a");
        assertStored(publish(here, "a", fence, new AgedUsage(usage(KEY, 7), Duration.ofSeconds(50))));

        AgedUsage kept = await(cache.get(KEY)).orElseThrow();
        assertEquals(usage(KEY, 7), kept.usage());
        assertAbout(Duration.ofSeconds(50), kept.age());
        acquired(there, "b");
        elapse(TIME_TO_LIVE.minusSeconds(20));
        assertTrue(await(cache.get(KEY)).isPresent(), "20 s before its expiry");
        elapse(Duration.ofSeconds(20));
        assertEquals(Optional.empty(), await(cache.get(KEY)), "at its expiry");
    }

    @Test
    final void replacesOlderFigure() {
        await(cache.put(KEY, new AgedUsage(usage(KEY, 1), Duration.ofSeconds(50)), TIME_TO_LIVE));
        long fence = acquired(here, "a");
        assertStored(publish(here, "a", fence, figure(2)));
        assertStoredFigure(2);
    }

    @Test
    final void storesFigureWhenLeaseExpiredUntaken() {
        long fence = acquired(here, "a");
        elapse(LEASE);
        assertStored(publish(here, "a", fence, figure(1)));
        assertStoredFigure(1);
    }

    @Test
    final void rejectsPublicationWhenAnotherLoadHoldsLease() {
        long first = acquired(here, "a");
        elapse(LEASE);
        long second = acquired(there, "b");

        assertEquals(new Publication.LeaseLost(second), publish(here, "a", first, figure(1)));

        assertEquals(Optional.empty(), await(cache.get(KEY)), "nothing is stored");
        assertEquals(
                second,
                assertInstanceOf(Acquisition.Held.class, acquire(here, "c")).fence(),
                "the other load keeps its lease");
        assertStored(publish(there, "b", second, figure(2)));
    }

    @Test
    final void rejectsPublicationWhenLaterLoadFailed() {
        long first = acquired(here, "a");
        elapse(LEASE);
        long second = acquired(there, "b");
        await(there.fail(KEY, "b", "no database", BACK_OFF));
        assertEquals(new Publication.LeaseLost(second), publish(here, "a", first, figure(1)));
        assertInstanceOf(Acquisition.Failed.class, acquire(here, "c"));
    }

    @Test
    final void rejectsPublicationAlthoughStoredFigureIsOfEarlierLoad() {
        assertStored(publish(here, "z", acquired(here, "z"), new AgedUsage(usage(KEY, 1), Duration.ofSeconds(50))));
        long first = acquired(here, "a");
        elapse(LEASE);
        long second = acquired(there, "b");
        assertEquals(new Publication.LeaseLost(second), publish(here, "a", first, figure(2)));
        assertStoredFigure(1);
    }

    @Test
    final void returnsNewerFigureWhenLaterLoadPublished() {
        long first = acquired(here, "a");
        elapse(LEASE);
        long second = acquired(there, "b");
        assertStored(publish(there, "b", second, new AgedUsage(usage(KEY, 2), Duration.ofSeconds(30))));

        assertSuperseded(2, publish(here, "a", first, figure(1)));
        assertStoredFigure(2);

        long third = acquired(there, "c");
        assertSuperseded(2, publish(here, "a", first, figure(1)));
        assertEquals(
                third,
                assertInstanceOf(Acquisition.Held.class, acquire(here, "d")).fence(),
                "a third load keeps its lease");
    }

    @Test
    final void labelsSupersedingFigureAsRequested() {
        UsageKey asWindow = new UsageKey("org-123", UsagePeriod.between(MARCH.start(), MARCH.end()));
        long first = acquired(here, "a");
        elapse(LEASE);
        assertStored(publish(there, "b", acquired(there, "b"), figure(2)));
        Publication.Superseded superseded = assertInstanceOf(
                Publication.Superseded.class,
                await(here.publish(
                        asWindow, "a", first, new AgedUsage(usage(asWindow, 1), Duration.ZERO), TIME_TO_LIVE)));
        assertEquals(
                asWindow.period().label(), superseded.newer().usage().period().label());
    }

    @Test
    final void returnsYoungerFigureWrittenByCacheWhenLeaseIsLost() {
        long first = acquired(here, "a");
        elapse(LEASE);
        long second = acquired(there, "b");
        await(cache.put(KEY, new AgedUsage(usage(KEY, 3), Duration.ofSeconds(10)), TIME_TO_LIVE));
        assertSuperseded(3, publish(here, "a", first, new AgedUsage(usage(KEY, 1), Duration.ofSeconds(40))));
        assertEquals(
                new Publication.LeaseLost(second),
                publish(here, "a", first, figure(1)),
                "the stored figure is older than the published one");
        assertStored(publish(there, "b", second, figure(2)));
    }

    @Test
    final void rejectsPublicationUnderUnknownFence() {
        assertEquals(new Publication.Invalidated(), publish(here, "a", 7, figure(1)));
        assertEquals(Optional.empty(), await(cache.get(KEY)));
    }

    @Test
    final void rejectsFigureOfAnotherKey() {
        AgedUsage other = new AgedUsage(usage(new UsageKey("org-124", MARCH), 1), Duration.ZERO);
        IllegalArgumentException error =
                assertThrows(IllegalArgumentException.class, () -> here.publish(KEY, "a", 1, other, TIME_TO_LIVE));
        assertMentions("org-124", error);
    }

    @Test
    final void rejectsTimesBelowOneMillisecond() {
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
