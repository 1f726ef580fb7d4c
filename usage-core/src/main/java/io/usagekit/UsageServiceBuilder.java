package io.usagekit;

import io.usagekit.internal.Arguments;
import io.usagekit.internal.DefaultUsageService;
import io.usagekit.internal.Limits;
import io.usagekit.internal.NoCache;
import io.usagekit.internal.ids.CanonicalIdService;
import io.usagekit.internal.ids.OrganisationIds;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
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

    /** The hard limit, how old a figure may be served as a matter of course: 10 minutes. */
    public static final Duration DEFAULT_TTL = Duration.ofMinutes(10);

    /** How much older it may be where a newer one can't be had: an hour. */
    public static final Duration DEFAULT_STALE_IF_ERROR = Duration.ofHours(1);

    /** By how much the soft limits of two figures may differ from {@code refreshAfter}: 10 per cent, up and down. */
    public static final int DEFAULT_REFRESH_JITTER_PERCENT = 10;

    private static final int DEFAULT_TTLS_PER_REFRESH = 10;

    /** How long one computation may take: 30 seconds. */
    public static final Duration DEFAULT_COMPUTATION_TIMEOUT = Duration.ofSeconds(30);

    /** Back-off after a failure, jittered by a half up and down: a second. */
    public static final Duration DEFAULT_ERROR_BACK_OFF = Duration.ofSeconds(1);

    /** The most computations at a time: 4. */
    public static final int DEFAULT_MAX_CONCURRENT_COMPUTATIONS = 4;

    /** The most computations of one organisation at a time: 2. */
    public static final int DEFAULT_MAX_CONCURRENT_COMPUTATIONS_PER_ORGANISATION = 2;

    /** The most computations waiting for a permit: 1,000. */
    public static final int DEFAULT_MAX_QUEUED_COMPUTATIONS = 1_000;

    /** How long {@link UsageService#close()} waits for the loads under way: 5 seconds. */
    public static final Duration DEFAULT_DRAIN_TIMEOUT = Duration.ofSeconds(5);

    private static final Duration LONGEST = Duration.ofDays(1);
    private static final Duration LONGEST_BACK_OFF = Duration.ofMinutes(1);
    private static final int MOST_JITTER = 50;
    private static final int MOST_CONCURRENT = 1_000;
    private static final int MOST_QUEUED = 100_000;

    private final UsageCalculator calculator;
    private UsageCache cache = NoCache.INSTANCE;
    private SingleFlight singleFlight = SingleFlights.inProcess();
    private Duration ttl = DEFAULT_TTL;
    private @Nullable Duration refreshAfter;
    private Duration staleIfError = DEFAULT_STALE_IF_ERROR;
    private int refreshJitterPercent = DEFAULT_REFRESH_JITTER_PERCENT;
    private Duration errorBackOff = DEFAULT_ERROR_BACK_OFF;
    private OutagePolicy outagePolicy = OutagePolicy.FAIL_OPEN;
    private int maxConcurrentComputations = DEFAULT_MAX_CONCURRENT_COMPUTATIONS;
    private @Nullable Integer maxConcurrentComputationsPerOrganisation;
    private int maxQueuedComputations = DEFAULT_MAX_QUEUED_COMPUTATIONS;
    private Duration drainTimeout = DEFAULT_DRAIN_TIMEOUT;
    private Duration computationTimeout = DEFAULT_COMPUTATION_TIMEOUT;
    private MissPolicy missPolicy = MissPolicy.await();
    private @Nullable Executor executor;
    private @Nullable ScheduledExecutorService scheduler;
    private final List<UsageListener> listeners = new ArrayList<>();
    private InstantSource clock = InstantSource.system();
    private LongSupplier ticker = System::nanoTime;

    UsageServiceBuilder(UsageCalculator calculator) {
        this.calculator = Objects.requireNonNull(calculator, "calculator");
    }

    /** Sets the cache; none by default. The service closes it. */
    public UsageServiceBuilder cache(UsageCache cache) {
        this.cache = Objects.requireNonNull(cache, "cache");
        return this;
    }

    /** Sets the single-flight; {@link SingleFlights#inProcess()} by default. The service closes it. */
    public UsageServiceBuilder singleFlight(SingleFlight singleFlight) {
        this.singleFlight = Objects.requireNonNull(singleFlight, "singleFlight");
        return this;
    }

    /**
     * The hard limit: how old a figure may be served as a matter of course; positive, at most a day; 10 minutes by default.
     */
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

    /**
     * How much older than {@code ttl} a figure may be served where a newer one can't be had, marked as
     * {@link Freshness#STALE_ON_ERROR}; 0 (never) to a day; an hour by default. The cache stores figures for {@code ttl} and
     * this together. An error that no retry cures ({@link UsageException#isTransient}) isn't hidden that way.
     */
    public UsageServiceBuilder staleIfError(Duration staleIfError) {
        this.staleIfError = Objects.requireNonNull(staleIfError, "staleIfError");
        return this;
    }

    /**
     * By how many per cent the soft limit of a figure may differ from {@code refreshAfter}, up and down, so that figures that
     * were computed together don't fall due together; 0 to 50; 10 by default. It depends on the figure alone: all processes
     * agree on it.
     */
    public UsageServiceBuilder refreshJitterPercent(int refreshJitterPercent) {
        this.refreshJitterPercent = refreshJitterPercent;
        return this;
    }

    /**
     * How long after a failed computation callers get its error (or an old figure) instead of another attempt, give or take a
     * half; 0 (not at all) to a minute; a second by default. With a fleet-wide single-flight other processes back off for a
     * third of it.
     */
    public UsageServiceBuilder errorBackOff(Duration errorBackOff) {
        this.errorBackOff = Objects.requireNonNull(errorBackOff, "errorBackOff");
        return this;
    }

    /** What callers get while the cache can't be reached; {@link OutagePolicy#FAIL_OPEN} by default. */
    public UsageServiceBuilder outagePolicy(OutagePolicy outagePolicy) {
        this.outagePolicy = Objects.requireNonNull(outagePolicy, "outagePolicy");
        return this;
    }

    /**
     * How many computations may run at a time, and so how many connections to the database they take; 1 to 1,000; 4 by
     * default.
     */
    public UsageServiceBuilder maxConcurrentComputations(int maxConcurrentComputations) {
        this.maxConcurrentComputations = maxConcurrentComputations;
        return this;
    }

    /**
     * How many of them may be of one organisation; 1 to {@code maxConcurrentComputations}; 2 by default, or that if it is
     * less.
     */
    public UsageServiceBuilder maxConcurrentComputationsPerOrganisation(int maxConcurrentComputationsPerOrganisation) {
        this.maxConcurrentComputationsPerOrganisation = maxConcurrentComputationsPerOrganisation;
        return this;
    }

    /**
     * How many computations may wait for a permit before further ones are refused; 0 to 100,000; 1,000 by default. A refresh
     * never waits.
     */
    public UsageServiceBuilder maxQueuedComputations(int maxQueuedComputations) {
        this.maxQueuedComputations = maxQueuedComputations;
        return this;
    }

    /** How long {@link UsageService#close()} waits for the loads under way; 0 to a day; 5 seconds by default. */
    public UsageServiceBuilder drainTimeout(Duration drainTimeout) {
        this.drainTimeout = Objects.requireNonNull(drainTimeout, "drainTimeout");
        return this;
    }

    /** How long one computation may take, its wait for a permit and a thread included; positive, at most a day; 30 s by default. */
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
     * Sets the executor of computations, which block. The service never shuts it down. A refresh that it rejects is dropped;
     * a miss is submitted again until it times out. Virtual threads are fine: nothing here holds a monitor
     * across I/O. By default the service has a pool of its own: a daemon thread for each of
     * {@code maxConcurrentComputations}, started when needed and ended when idle for a minute.
     */
    public UsageServiceBuilder executor(Executor executor) {
        this.executor = Objects.requireNonNull(executor, "executor");
        return this;
    }

    /**
     * Sets the scheduler of deadlines, of waits for them, and of the renewal of leases. The service never shuts it down; the host does, after
     * it has closed the service. What runs there is short and doesn't block: calls of listeners, of {@link #executor}, and functions
     * attached to stages run elsewhere. Deadlines are cancelled long before they are due, so a {@link
     * java.util.concurrent.ScheduledThreadPoolExecutor} should be set to remove them
     * ({@link java.util.concurrent.ScheduledThreadPoolExecutor#setRemoveOnCancelPolicy}). By default the service has a daemon
     * thread for them, {@code usagekit-timer}, started when needed and ended by {@link UsageService#close()}.
     */
    public UsageServiceBuilder scheduler(ScheduledExecutorService scheduler) {
        this.scheduler = Objects.requireNonNull(scheduler, "scheduler");
        return this;
    }

    /** Sets the listener, instead of all that were set or added before; none by default. */
    public UsageServiceBuilder listener(UsageListener listener) {
        Objects.requireNonNull(listener, "listener");
        listeners.clear();
        listeners.add(listener);
        return this;
    }

    /** Adds a listener. Listeners are called in the order in which they were added; one that throws doesn't keep an event from the others. */
    public UsageServiceBuilder addListener(UsageListener listener) {
        listeners.add(Objects.requireNonNull(listener, "listener"));
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
        Arguments.between("staleIfError", staleIfError, Duration.ZERO, LONGEST);
        Arguments.between("refreshJitterPercent", refreshJitterPercent, 0, MOST_JITTER);
        Arguments.between("errorBackOff", errorBackOff, Duration.ZERO, LONGEST_BACK_OFF);
        Arguments.between("maxConcurrentComputations", maxConcurrentComputations, 1, MOST_CONCURRENT);
        int perOrganisation = maxConcurrentComputationsPerOrganisation == null
                ? Math.min(DEFAULT_MAX_CONCURRENT_COMPUTATIONS_PER_ORGANISATION, maxConcurrentComputations)
                : maxConcurrentComputationsPerOrganisation;
        Arguments.between("maxConcurrentComputationsPerOrganisation", perOrganisation, 1, maxConcurrentComputations);
        Arguments.between("maxQueuedComputations", maxQueuedComputations, 0, MOST_QUEUED);
        Arguments.between("drainTimeout", drainTimeout, Duration.ZERO, LONGEST);
        DefaultUsageService service = new DefaultUsageService(new DefaultUsageService.Settings(
                calculator,
                cache,
                singleFlight,
                new Limits(refreshAfter, ttl, staleIfError, refreshJitterPercent),
                computationTimeout,
                errorBackOff,
                missPolicy,
                outagePolicy,
                maxConcurrentComputations,
                perOrganisation,
                maxQueuedComputations,
                drainTimeout,
                executor,
                scheduler,
                List.copyOf(listeners),
                clock,
                ticker));
        return new CanonicalIdService(
                service,
                new OrganisationIds(calculator, service.executor(), service.delays(), computationTimeout, ticker));
    }
}
