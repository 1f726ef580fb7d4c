package io.usagekit.redis;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.benmanes.caffeine.cache.Caffeine;
import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jetbrains.lincheck.LincheckAssertionError;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.StressOptions;
import org.jetbrains.lincheck.datastructures.Validate;
import org.jetbrains.lincheck.datastructures.verifier.EpsilonVerifier;
import org.junit.jupiter.api.Test;

/**
 * Explores the orders of a load's steps and a change's steps: when all have ended, the stored entry is the one written last.
 * Intermediate answers aren't verified, since a cache that is notified later isn't linearizable.
 */
class NearStoreLincheckTest {

    /** One key: its version in Redis and its entry in the near store. */
    public abstract static class Model {
        private static final UsageKey KEY = new UsageKey("org-1", UsagePeriod.month(YearMonth.of(2026, 3)));

        private final AtomicLong redis = new AtomicLong();
        private final NearStore store;

        Model(NearStore store) {
            this.store = store;
        }

        @Operation
        public void load() {
            NearStore.Pending load = new NearStore.Pending(KEY);
            if (store.register(load) == load) {
                store.complete(load, figure(redis.get()));
            }
        }

        @Operation
        public void failLoad() {
            NearStore.Pending load = new NearStore.Pending(KEY);
            if (store.register(load) == load) {
                store.fail(load);
            }
        }

        @Operation
        public void writeAndInvalidate() {
            redis.incrementAndGet();
            store.remove(KEY);
        }

        @Operation
        public void flushAndInvalidate() {
            redis.incrementAndGet();
            store.clear();
        }

        @Operation
        public void writeAndInvalidateOrganisation() {
            redis.incrementAndGet();
            store.removeIf(KEY::equals);
        }

        @Validate
        public void noStaleEntryStays() {
            NearEntry stored = store.fallback(KEY);
            if (stored != null) {
                long version = stored.as(KEY, 0).usage().received().volume();
                if (version != redis.get()) {
                    throw new IllegalStateException("version " + version + " is stored, but Redis has " + redis.get());
                }
            }
        }

        private static NearEntry figure(long version) {
            OrganisationUsage usage =
                    new OrganisationUsage(KEY, new UsageMetrics(version, 0), UsageMetrics.ZERO, Instant.EPOCH);
            return NearEntry.of(new CacheEntry(new AgedUsage(usage, Duration.ZERO), 60_000), 0, null);
        }
    }

    /** Store on the JDK's map. */
    public static class OnJdkMap extends Model {
        public OnJdkMap() {
            super(new NearStore(new ConcurrentHashMap<>()));
        }
    }

    /** Store on Caffeine, as in production. */
    public static class OnCaffeine extends Model {
        public OnCaffeine() {
            super(new NearStore(caffeine()));
        }
    }

    /** Negative control on the JDK's map: stores figures without checking the token. */
    public static class NaiveOnJdkMap extends Model {
        public NaiveOnJdkMap() {
            super(new Naive(new ConcurrentHashMap<>()));
        }
    }

    /** Negative control on Caffeine. */
    public static class NaiveOnCaffeine extends Model {
        public NaiveOnCaffeine() {
            super(new Naive(caffeine()));
        }
    }

    private static final class Naive extends NearStore {
        Naive(ConcurrentMap<UsageKey, Slot> slots) {
            super(slots);
        }

        @Override
        void complete(Pending load, NearEntry figure) {
            put(load.key(), figure);
        }
    }

    private static ConcurrentMap<UsageKey, NearStore.Slot> caffeine() {
        return Caffeine.newBuilder()
                .maximumSize(100)
                .executor(Runnable::run)
                .<UsageKey, NearStore.Slot>build()
                .asMap();
    }

    @Test
    void leavesNoStaleEntryInAnyOrderOfSteps() {
        modelChecking(15).check(OnJdkMap.class);
    }

    @Test
    void leavesNoStaleEntryUnderStressOnCaffeine() {
        stress(10).check(OnCaffeine.class);
    }

    @Test
    void modelCheckingFindsStaleEntryWithoutToken() {
        assertThatThrownBy(() -> modelChecking(15).check(NaiveOnJdkMap.class))
                .isInstanceOf(LincheckAssertionError.class)
                .hasMessageContaining("is stored, but Redis has");
    }

    @Test
    void stressFindsStaleEntryWithoutToken() {
        // Ends at the first finding; on a loaded machine, where threads rarely run in parallel, that takes more
        // scenarios.
        assertThatThrownBy(() -> stress(40).check(NaiveOnCaffeine.class))
                .isInstanceOf(LincheckAssertionError.class)
                .hasMessageContaining("is stored, but Redis has");
    }

    private static ModelCheckingOptions modelChecking(int scenarios) {
        return new ModelCheckingOptions()
                .iterations(scenarios)
                .invocationsPerIteration(1_000)
                .threads(2)
                .actorsBefore(1)
                .actorsPerThread(2)
                .actorsAfter(0) // later loads would replace a stale entry
                .minimizeFailedScenario(false)
                .verifier(EpsilonVerifier.class);
    }

    private static StressOptions stress(int scenarios) {
        return new StressOptions()
                .iterations(scenarios)
                .invocationsPerIteration(1_000)
                .threads(2)
                .actorsBefore(1)
                .actorsPerThread(2)
                .actorsAfter(0) // later loads would replace a stale entry
                .minimizeFailedScenario(false)
                .verifier(EpsilonVerifier.class);
    }
}
