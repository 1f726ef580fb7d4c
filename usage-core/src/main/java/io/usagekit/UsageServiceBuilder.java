package io.usagekit;

import io.usagekit.internal.Arguments;
import io.usagekit.internal.ComputationPool;
import io.usagekit.internal.DefaultUsageService;
import io.usagekit.internal.NoCache;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Builds a {@link UsageService}. Everything but the calculator has a default. Limits are checked in {@link #build()}, which
 * rejects and never clamps. Not thread-safe; may be reused, except that two services shouldn't share a cache, since each
 * closes its own.
 *
 * @since 0.1
 */
public final class UsageServiceBuilder {

    /** How long a figure may be served after it was computed: 10 minutes. */
    public static final Duration DEFAULT_TTL = Duration.ofMinutes(10);

    private static final int DEFAULT_TTLS_PER_REFRESH = 10;

    /** How long one computation may take: 30 seconds. */
    public static final Duration DEFAULT_COMPUTATION_TIMEOUT = Duration.ofSeconds(30);

    private final UsageCalculator calculator;
    private UsageCache cache = NoCache.INSTANCE;
    private SingleFlight singleFlight = SingleFlight.inProcess();
    private Duration ttl = DEFAULT_TTL;
    private @Nullable Duration refreshAfter;
    private Duration computationTimeout = DEFAULT_COMPUTATION_TIMEOUT;
    private MissPolicy missPolicy = MissPolicy.await();
    private @Nullable Executor executor;
    private UsageListener listener = new UsageListener() {};
    private InstantSource clock = InstantSource.system();
    private LongSupplier ticker = System::nanoTime;

    UsageServiceBuilder(UsageCalculator calculator) {
        this.calculator = Objects.requireNonNull(calculator, "calculator");
    }

    /** Where figures are kept; none by default. The service closes it. */
    public UsageServiceBuilder cache(UsageCache cache) {
        this.cache = Objects.requireNonNull(cache, "cache");
        return this;
    }

    /** How concurrent computations are made one; {@link SingleFlight#inProcess()} by default. The service closes it. */
    public UsageServiceBuilder singleFlight(SingleFlight singleFlight) {
        this.singleFlight = Objects.requireNonNull(singleFlight, "singleFlight");
        return this;
    }

    /** How long a figure may be served after it was computed; positive, at most a day; 10 minutes by default. */
    public UsageServiceBuilder ttl(Duration ttl) {
        this.ttl = Objects.requireNonNull(ttl, "ttl");
        return this;
    }

    /**
     * How old a figure has to be before a hit starts a refresh; at least 0, less than {@code ttl}; a tenth of {@code ttl} by
     * default. Zero refreshes on every hit: a query per hit, though never two at a time.
     */
    public UsageServiceBuilder refreshAfter(Duration refreshAfter) {
        this.refreshAfter = Objects.requireNonNull(refreshAfter, "refreshAfter");
        return this;
    }

    /** How long one computation may take, its wait for a thread included; positive, at most a day; 30 s by default. */
    public UsageServiceBuilder computationTimeout(Duration computationTimeout) {
        this.computationTimeout = Objects.requireNonNull(computationTimeout, "computationTimeout");
        return this;
    }

    /** What a caller gets when no figure is cached; {@link MissPolicy#await()} by default. */
    public UsageServiceBuilder missPolicy(MissPolicy missPolicy) {
        this.missPolicy = Objects.requireNonNull(missPolicy, "missPolicy");
        return this;
    }

    /**
     * Where computations run; they block. Left to the host: the service never shuts it down. One that rejects a task makes a
     * miss fail with {@link UsageOverloadedException} and drops a refresh. By default the service has a pool of its own: at
     * most {@value ComputationPool#THREADS} daemon threads, started when needed and ended when idle for a minute, with at
     * most {@value ComputationPool#QUEUE} computations waiting.
     */
    public UsageServiceBuilder executor(Executor executor) {
        this.executor = Objects.requireNonNull(executor, "executor");
        return this;
    }

    /** Told what the service does; nobody by default. */
    public UsageServiceBuilder listener(UsageListener listener) {
        this.listener = Objects.requireNonNull(listener, "listener");
        return this;
    }

    /** The wall clock, for {@link UsageResult#createdAt()} of a pending answer; the system's by default. */
    public UsageServiceBuilder clock(InstantSource clock) {
        this.clock = Objects.requireNonNull(clock, "clock");
        return this;
    }

    /** Elapsed nanoseconds from an arbitrary origin, for ages; {@link System#nanoTime()} by default. */
    public UsageServiceBuilder ticker(LongSupplier ticker) {
        this.ticker = Objects.requireNonNull(ticker, "ticker");
        return this;
    }

    /**
     * Checks the limits and builds.
     *
     * @throws IllegalArgumentException if a limit is out of bounds; the message names it, its value and the bound
     */
    public UsageService build() {
        Arguments.positive("ttl", ttl);
        Arguments.positive("computationTimeout", computationTimeout);
        Duration refreshAfter = this.refreshAfter == null ? ttl.dividedBy(DEFAULT_TTLS_PER_REFRESH) : this.refreshAfter;
        if (refreshAfter.isNegative() || refreshAfter.compareTo(ttl) >= 0) {
            throw new IllegalArgumentException(
                    "refreshAfter must be at least 0 and less than ttl (" + ttl + "), but was " + refreshAfter);
        }
        return new DefaultUsageService(new DefaultUsageService.Settings(
                calculator,
                cache,
                singleFlight,
                ttl,
                refreshAfter,
                computationTimeout,
                missPolicy,
                executor,
                listener,
                clock,
                ticker));
    }
}
