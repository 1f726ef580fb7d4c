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
 * Every order of a load's steps and a change's: once all of them are done, what is kept is what was written last. How they
 * answer meanwhile isn't compared with anything (there is no order in which a cache that is told later is right); that
 * nothing stale stays is.
 */
class NearStoreLincheckTest {

    /** One key: what Redis has for it, and what is kept of that. */
    public abstract static class Model {
        private static final UsageKey KEY = new UsageKey("org-1", UsagePeriod.month(YearMonth.of(2026, 3)));

        private final AtomicLong redis = new AtomicLong();
        private final NearStore entries;

        Model(NearStore entries) {
            this.entries = entries;
        }

        @Operation
        public void load() {
            NearStore.Pending load = new NearStore.Pending(KEY);
            if (entries.register(load) == load) {
                entries.put(load, figure(redis.get()));
            }
        }

        @Operation
        public void loadThatFails() {
            NearStore.Pending load = new NearStore.Pending(KEY);
            if (entries.register(load) == load) {
                entries.withdraw(load);
            }
        }

        @Operation
        public void writeAndTell() {
            redis.incrementAndGet();
            entries.remove(KEY);
        }

        @Operation
        public void flushAndTell() {
            redis.incrementAndGet();
            entries.clear();
        }

        @Operation
        public void writeForTheOrganisationAndTell() {
            redis.incrementAndGet();
            entries.removeIf(KEY::equals);
        }

        @Validate
        public void nothingStaleStays() {
            NearEntry kept = entries.fallback(KEY);
            if (kept != null) {
                long version = kept.as(KEY, 0).usage().received().volume();
                if (version != redis.get()) {
                    throw new IllegalStateException("version " + version + " is kept, but Redis has " + redis.get());
                }
            }
        }

        private static NearEntry figure(long version) {
            OrganisationUsage usage =
                    new OrganisationUsage(KEY, new UsageMetrics(version, 0), UsageMetrics.ZERO, Instant.EPOCH);
            return NearEntry.untracked(new AgedUsage(usage, Duration.ZERO), 0, Duration.ofMinutes(1));
        }
    }

    /** On the JDK's map. */
    public static class OnAMap extends Model {
        public OnAMap() {
            super(new NearStore(new ConcurrentHashMap<>()));
        }
    }

    /** On the map that it is used with. */
    public static class OnCaffeine extends Model {
        public OnCaffeine() {
            super(new NearStore(caffeine()));
        }
    }

    /** Minds no token. */
    public static class NaiveOnAMap extends Model {
        public NaiveOnAMap() {
            super(new Naive(new ConcurrentHashMap<>()));
        }
    }

    /** Minds no token, either. */
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
        void put(Pending load, NearEntry figure) {
            keep(load.key(), figure);
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
    void inNoOrderOfStepsDoesAStaleFigureStay() {
        modelChecking().check(OnAMap.class);
    }

    @Test
    void norUnderStressOnTheMapItIsUsedWith() {
        stress().check(OnCaffeine.class);
    }

    @Test
    void withoutTheTokenAnOrderIsFoundInWhichItDoes() {
        assertThatThrownBy(() -> modelChecking().check(NaiveOnAMap.class))
                .isInstanceOf(LincheckAssertionError.class)
                .hasMessageContaining("is kept, but Redis has");
    }

    @Test
    void withoutTheTokenStressFindsItToo() {
        assertThatThrownBy(() -> stress().check(NaiveOnCaffeine.class))
                .isInstanceOf(LincheckAssertionError.class)
                .hasMessageContaining("is kept, but Redis has");
    }

    private static ModelCheckingOptions modelChecking() {
        return new ModelCheckingOptions()
                .iterations(15)
                .invocationsPerIteration(1_000)
                .threads(2)
                .actorsBefore(1)
                .actorsPerThread(2)
                .actorsAfter(0) // they would only cover up what was left
                .minimizeFailedScenario(false)
                .verifier(EpsilonVerifier.class);
    }

    private static StressOptions stress() {
        return new StressOptions()
                .iterations(10)
                .invocationsPerIteration(1_000)
                .threads(2)
                .actorsBefore(1)
                .actorsPerThread(2)
                .actorsAfter(0) // they would only cover up what was left
                .minimizeFailedScenario(false)
                .verifier(EpsilonVerifier.class);
    }
}
