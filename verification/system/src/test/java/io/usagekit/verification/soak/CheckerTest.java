package io.usagekit.verification.soak;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A checker that finds nothing would make the soak worth nothing. Seconds here are those since the beginning. */
class CheckerTest {

    private final History history = new History(SoakLimits.ORGANISATIONS);
    private final Checker checker = new Checker(history);

    /** Three events of organisation 0: inserted in the seconds 10 to 11, 20 to 21 and 30 to 31. */
    @BeforeEach
    void insert() {
        for (int second = 10; second <= 30; second += 10) {
            history.begins(0, nanos(second));
            history.ended(0, nanos(second + 1));
        }
    }

    private static long nanos(double second) {
        return Math.round(second * TimeUnit.SECONDS.toNanos(1));
    }

    private void told(double from, double to, String answer) {
        checker.check(0, "get 0 " + nanos(from) + " " + nanos(to) + " " + answer);
    }

    private void assertRight() {
        assertThat(checker.violations()).isEmpty();
    }

    private void assertWrong(String what) {
        assertThat(checker.violations()).singleElement().asString().contains(what);
    }

    @Test
    void aFreshFigureThatTheDatabaseHoldsIsRight() {
        told(25, 25.1, "FRESH 2/20");
        told(9, 9.1, "FRESH 0/0");
        told(31.5, 31.6, "FRESH 3/30");
        assertRight();
    }

    @Test
    void whileAnEventIsInsertedItIsThereOrNot() {
        told(20.5, 20.6, "FRESH 1/10");
        told(20.5, 20.6, "FRESH 2/20");
        assertRight();
    }

    @Test
    void aFreshFigureMayBeAsOldAsTheSoftLimitAndNoOlder() {
        told(22, 22.01, "FRESH 1/10");
        assertRight();
        told(22.5, 22.51, "FRESH 1/10");
        assertWrong("a figure that the database didn't hold");
    }

    @Test
    void aFigureOfTheFutureIsWrong() {
        told(25, 25.1, "FRESH 3/30");
        assertWrong("a figure that the database didn't hold");
    }

    @Test
    void aZeroThatNobodyComputedIsWrong() {
        told(25, 25.1, "FRESH 0/0");
        assertWrong("a figure that the database didn't hold");
    }

    @Test
    void aStaleFigureMayBeAsOldAsTheHardLimitAndNoOlder() {
        told(25, 25.1, "STALE 1/10");
        assertRight();
        told(26.2, 26.3, "STALE 1/10");
        assertWrong("a figure that the database didn't hold");
    }

    @Test
    void inItsGraceItMayBeOlderStill() {
        told(45, 45.1, "STALE_ON_ERROR 1/10");
        assertRight();
        told(47, 47.1, "STALE_ON_ERROR 1/10");
        assertWrong("a figure that the database didn't hold");
    }

    @Test
    void afterAnInvalidationAFreshFigureIsOfLater() {
        checker.check(1, "invalidate 0 " + nanos(31.1) + " " + nanos(31.2) + " DONE");
        told(31.3, 31.4, "FRESH 2/20");
        assertRight();
        history.begins(0, nanos(31.5));
        history.ended(0, nanos(31.6));
        checker.check(1, "invalidate 0 " + nanos(31.7) + " " + nanos(31.8) + " DONE");
        told(34.5, 34.6, "FRESH 3/30");
        assertWrong("a figure that the database didn't hold");
    }

    @Test
    void inTheProcessThatInvalidatesEachLaterFigureIsOfLater() {
        history.begins(0, nanos(31.5));
        history.ended(0, nanos(31.6));
        checker.check(0, "invalidate 0 " + nanos(31.7) + " " + nanos(31.8) + " DONE");
        checker.check(1, "get 0 " + nanos(31.9) + " " + nanos(32) + " FRESH 3/30");
        assertRight();
        told(31.9, 32, "FRESH 3/30");
        assertWrong("a figure that the database didn't hold");
    }

    @Test
    void whileScriptsAreRefusedALoadInFlightMayStoreItsFigure() {
        Runnable over = checker.uncoordinated();
        long now = System.nanoTime();
        history.begins(1, now);
        history.ended(1, now + 1);
        checker.check(0, "invalidate 1 " + (now + 2) + " " + (now + 3) + " DONE");
        over.run();
        checker.check(0, "get 1 " + (now + 4) + " " + (now + 5) + " FRESH 0/0");
        assertRight();
        checker.check(0, "invalidate 1 " + nanos(1e9) + " " + nanos(1e9) + " DONE");
        checker.check(0, "get 1 " + (nanos(1e9) + 1) + " " + (nanos(1e9) + 2) + " FRESH 0/0");
        assertWrong("a figure that the database didn't hold");
    }

    @Test
    void anInvalidationThatFailedPromisesNothing() {
        history.begins(0, nanos(31.5));
        history.ended(0, nanos(31.6));
        checker.check(1, "invalidate 0 " + nanos(31.7) + " " + nanos(31.8) + " ERROR UsageCacheException");
        told(32.6, 32.7, "FRESH 3/30");
        assertRight();
    }

    @Test
    void volumeAndBytesThatDisagreeAreWrong() {
        told(25, 25.1, "FRESH 2/30");
        assertWrong("volume and bytes disagree");
    }

    @Test
    void aCallThatTakesTooLongIsWrongUnlessItsProcessStoodStill() {
        double longest = SoakLimits.LONGEST_CALL.toMillis() / 1e3;
        told(1, 1 + longest, "PENDING -");
        assertRight();
        told(1, 1.1 + longest, "PENDING -");
        assertWrong("a call of");
    }

    @Test
    void whatIsNoTypedErrorIsWrong() {
        told(1, 1.1, "ERROR UsageCalculationException");
        assertRight();
        told(1, 1.1, "WRONG java.lang.NullPointerException");
        assertWrong("neither an answer nor a typed error");
    }
}
