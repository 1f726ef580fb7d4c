package io.usagekit.spring;

import io.usagekit.OutagePolicy;
import io.usagekit.events.Duplicates;
import java.time.Duration;
import java.time.ZoneId;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * Settings of the usage service, {@code usagekit.*}. A setting that isn't given is null here and has the default of the builder that it is
 * passed to, which checks the bounds as well. A property of an unknown name fails the start.
 *
 * @param enabled Whether beans are created at all.
 * @param install What is created in the database when the application starts: nothing, nothing but it is checked that the tables (and
 *     roll-ups) are there, or whatever is missing.
 * @param calculator Whether figures are computed from raw rows or from roll-ups.
 * @param countDeletedProjects Whether soft-deleted projects count.
 * @param cache Where figures are cached: in Redis with a copy in memory, in Redis alone, in PostgreSQL, or nowhere. Near where there is a
 *     connection factory of Redis.
 * @param singleFlight Whether one process computes for all others, or each for itself. Fleet-wide where figures are cached in Redis or in
 *     PostgreSQL.
 * @param ttl Hard limit: how old a figure may be served as a matter of course. Positive, at most 1 day.
 * @param refreshAfter How old a figure has to be before a hit starts a refresh. Less than ttl; a tenth of it by default.
 * @param refreshJitterPercent By how many per cent the soft limit of a figure may differ from refresh-after. 0 to 50.
 * @param staleIfError How much older than ttl a figure may be served where a newer one can't be had. 0 to 1 day.
 * @param errorBackOff How long after a failed computation callers get its error instead of another attempt. 0 to 1 minute.
 * @param outagePolicy What callers get while the cache can't be reached: fail-open computes within the permits, fail-closed refuses.
 * @param maxConcurrentComputations How many computations may run at a time in this process. 1 to 1000.
 * @param maxConcurrentComputationsPerOrganisation How many of them may be of one organisation. 1 to max-concurrent-computations.
 * @param maxQueuedComputations How many computations may wait for a permit. 0 to 100000.
 * @param drainTimeout How long closing waits for loads under way. 0 to 1 day.
 * @param computationTimeout How long one computation may take. Positive, at most 1 day.
 * @param missPolicy What a caller gets when no figure is cached: await, pending, or a duration to wait before pending, such as 200ms.
 * @param tables The tables and columns that hold events and deliveries.
 * @param redis The cache in Redis.
 * @param postgresCache The cache in PostgreSQL.
 * @param rollups The roll-ups, if calculator is rollups.
 * @param worker The worker that keeps roll-ups up to date.
 * @param clickhouse The ClickHouse cluster that is fed from the roll-ups.
 * @param partitions Partitions of the tables, and when coming ones are created.
 * @param retention When old events and deliveries are deleted, and how old they are then.
 * @param ledger The event ledger.
 * @param metrics Meters of the service and of roll-ups.
 * @param web Answers over HTTP.
 * @param health What the Actuator's health reports.
 * @since 0.1
 */
@ConfigurationProperties(prefix = UsageProperties.PREFIX, ignoreUnknownFields = false)
public record UsageProperties(
        @DefaultValue("true") boolean enabled,
        @DefaultValue("validate") Install install,
        @DefaultValue("raw") Calculator calculator,
        @DefaultValue("false") boolean countDeletedProjects,
        @Nullable Cache cache,
        @Nullable Flight singleFlight,
        @Nullable Duration ttl,
        @Nullable Duration refreshAfter,
        @Nullable Integer refreshJitterPercent,
        @Nullable Duration staleIfError,
        @Nullable Duration errorBackOff,
        @Nullable OutagePolicy outagePolicy,
        @Nullable Integer maxConcurrentComputations,
        @Nullable Integer maxConcurrentComputationsPerOrganisation,
        @Nullable Integer maxQueuedComputations,
        @Nullable Duration drainTimeout,
        @Nullable Duration computationTimeout,
        @Nullable String missPolicy,
        @DefaultValue Tables tables,
        @DefaultValue Redis redis,
        @DefaultValue PostgresCache postgresCache,
        @DefaultValue Rollups rollups,
        @DefaultValue Worker worker,
        @DefaultValue ClickHouse clickhouse,
        @DefaultValue Partitions partitions,
        @DefaultValue Retention retention,
        @DefaultValue Ledger ledger,
        @DefaultValue Metrics metrics,
        @DefaultValue Web web,
        @DefaultValue Health health) {

    /** Prefix of all properties. */
    public static final String PREFIX = "usagekit";

    /** What is created in the database when the application starts. */
    public enum Install {
        /** Nothing, and nothing is checked. */
        NEVER,
        /**
         * Nothing; the start fails if the tables don't fit the mapping, or roll-ups are missing where figures are to be read from them, or
         * the table of the cache in PostgreSQL is.
         */
        VALIDATE,
        /** Own tables, indexes, roll-ups and a table of the cache that are missing, by one process at a time. */
        ALWAYS
    }

    /** What figures are computed from. */
    public enum Calculator {
        /** Raw rows, by the combined query. */
        RAW,
        /** Roll-ups, which a worker keeps up to date. */
        ROLLUPS
    }

    /** Where figures are cached. */
    public enum Cache {
        /** In Redis, and in the memory of this process while Redis reports changes. */
        NEAR,
        /** In Redis. */
        SHARED,
        /** In PostgreSQL. */
        POSTGRES,
        /** Nowhere. */
        NONE
    }

    /** Among whom concurrent loads of one figure run once. */
    public enum Flight {
        /** All processes that share the Redis and the key prefix, or the table of the cache in PostgreSQL. */
        FLEET_WIDE,
        /** The threads of this process. */
        IN_PROCESS
    }

    /** Whose names the tables have. */
    public enum Preset {
        /** The library's own. */
        OWN,
        /** A webhook gateway's. */
        GATEWAY,
        /** The host's own. */
        CUSTOM
    }

    /**
     * The tables and columns that hold events and deliveries. Names are for the presets {@code gateway} and {@code custom}; what isn't named
     * has the gateway's name. Stored sizes are looked for with {@code gateway}, and have to be named with {@code custom}.
     *
     * @param preset Whose names the tables have.
     * @param schema Schema of the tables. The preset own has usagekit by default, gateway convoy; custom needs one.
     * @param projects Table of projects.
     * @param projectId Column of a project's id.
     * @param projectOrganisationId Column of the organisation that a project belongs to.
     * @param projectDeletedAt Column that marks deleted projects. Empty where projects are never soft-deleted.
     * @param events Table of events.
     * @param eventId Column of an event's id.
     * @param eventProjectId Column of an event's project.
     * @param eventCreatedAt Column of the time when an event was received.
     * @param eventDeletedAt Column that marks deleted events. Empty where events are never soft-deleted.
     * @param payload Columns whose octets are an event's size. Empty only where sizes are stored.
     * @param storedBytes Column that holds an event's whole size in octets.
     * @param payloadStoredBytes Columns that hold the sizes in octets of single payload columns, by the names of those.
     * @param deliveryStoredBytes Column of deliveries that holds the whole size of the event in octets.
     * @param deliveries Table of deliveries.
     * @param deliveryId Column of a delivery's id.
     * @param deliveryProjectId Column of a delivery's project.
     * @param deliveryEventId Column of the event that a delivery delivers.
     * @param deliveryStatus Column of a delivery's status.
     * @param deliveryCreatedAt Column of the time when a delivery was made.
     * @param deliveredStatuses Statuses that count as delivered.
     * @param timestampsIn Zone of times in columns of the type timestamp: UTC.
     * @param keepDeletedProjects Whether events that were soft-deleted with their project count where deleted projects do.
     * @since 0.1
     */
    public record Tables(
            @DefaultValue("own") Preset preset,
            @Nullable String schema,
            @Nullable String projects,
            @Nullable String projectId,
            @Nullable String projectOrganisationId,
            @Nullable String projectDeletedAt,
            @Nullable String events,
            @Nullable String eventId,
            @Nullable String eventProjectId,
            @Nullable String eventCreatedAt,
            @Nullable String eventDeletedAt,
            @Nullable List<String> payload,
            @Nullable String storedBytes,
            @Nullable Map<String, String> payloadStoredBytes,
            @Nullable String deliveryStoredBytes,
            @Nullable String deliveries,
            @Nullable String deliveryId,
            @Nullable String deliveryProjectId,
            @Nullable String deliveryEventId,
            @Nullable String deliveryStatus,
            @Nullable String deliveryCreatedAt,
            @Nullable List<String> deliveredStatuses,
            @Nullable String timestampsIn,
            @Nullable Boolean keepDeletedProjects) {}

    /**
     * The cache in Redis.
     *
     * @param keyPrefix Part of all keys before the first colon. Characters A-Z a-z 0-9 . _ : - only, 1 to 64 of them.
     * @param commandTimeout Time after which a command fails and the call continues without Redis. 1 ms to 1 minute.
     * @param connectTimeout Time that the start waits for the first connection. 1 ms to 1 minute.
     * @param lease Length of the lease on a computation. 100 ms to 1 minute.
     * @param pollInterval How often a load that waits for another process polls in case its wake-up is lost. 1 ms to lease.
     * @param nearMaximumSize Maximum number of figures in memory. 1 to 10000000.
     * @param heartbeat Interval at which a near cache checks that it still receives invalidation messages. 1 ms to 1 minute.
     * @since 0.1
     */
    public record Redis(
            @Nullable String keyPrefix,
            @Nullable Duration commandTimeout,
            @Nullable Duration connectTimeout,
            @Nullable Duration lease,
            @Nullable Duration pollInterval,
            @Nullable Long nearMaximumSize,
            @Nullable Duration heartbeat) {}

    /**
     * The cache in PostgreSQL, in the database of the tables.
     *
     * @param schema Schema of its table, which holds nothing else. 1 to 63 bytes.
     * @param timeout Time after which a call fails and the service continues without the cache. 1 ms to 1 minute.
     * @param threads How many calls run at a time, each on a connection of the pool. 1 to 100.
     * @param listen Whether loads are woken by LISTEN, which holds one connection of the pool; they poll as well. Not behind a pooler.
     * @param lease Length of the lease on a computation. 100 ms to 1 minute.
     * @param pollInterval How often a load that waits for another process polls. 1 ms to lease.
     * @param heartbeat Interval at which the holder of a lease makes sure that it still holds it. 1 ms to 1 minute.
     * @since 0.1
     */
    public record PostgresCache(
            @Nullable String schema,
            @Nullable Duration timeout,
            @DefaultValue("4") int threads,
            @DefaultValue("false") boolean listen,
            @Nullable Duration lease,
            @Nullable Duration pollInterval,
            @Nullable Duration heartbeat) {}

    /**
     * The roll-ups.
     *
     * @param schema Schema of the roll-ups, which holds nothing else. That of the tables and _rollups by default.
     * @param deleteDependants Tables whose rows retention deletes together with those that they refer to by foreign keys.
     * @param omitMissingProjects Whether what retention has kept of projects that are missing is left out.
     * @since 0.1
     */
    public record Rollups(
            @Nullable String schema,
            @Nullable List<String> deleteDependants,
            @DefaultValue("false") boolean omitMissingProjects) {}

    /**
     * The worker that keeps roll-ups up to date, on the host's {@code TaskScheduler} or, without one, on a thread of its own.
     *
     * @param enabled Whether this process runs a worker. Any number of processes may.
     * @param pause Pause between two runs. 1 ms to 1 day.
     * @param settle How long after its end an hour is rolled. 0 to 1 day.
     * @param runBudget After how long a run starts no further step. 1 ms to 1 hour.
     * @param stepBudget How long a step should take. 1 ms to 1 hour.
     * @param stepTimeout After how long a statement of a step is cancelled. 1 ms to 1 hour.
     * @param waitForWriters How long a run waits for transactions that write to the tables. 1 ms to 1 hour.
     * @param drainTimeout How long closing waits for the current step. 0 to 1 day.
     * @since 0.1
     */
    public record Worker(
            @DefaultValue("true") boolean enabled,
            @DefaultValue("10s") Duration pause,
            @Nullable Duration settle,
            @Nullable Duration runBudget,
            @Nullable Duration stepBudget,
            @Nullable Duration stepTimeout,
            @Nullable Duration waitForWriters,
            @Nullable Duration drainTimeout) {}

    /**
     * The ClickHouse cluster that is fed from the roll-ups, and that figures are read from. Needs usage-clickhouse and ClickHouse's driver.
     *
     * @param enabled Whether there is one.
     * @param url JDBC URL of one of its servers, such as jdbc:ch://clickhouse:8123. Not where a DataSource is qualified for it.
     * @param username User that connects to it.
     * @param password Password of the user.
     * @param database Database that holds the tables and nothing else.
     * @param cluster Name of the cluster in system.clusters.
     * @param engine Engine of the tables that are installed, with its arguments: MergeTree or ReplicatedMergeTree.
     * @param onCluster Whether tables are installed on all servers of the cluster by ON CLUSTER, instead of the one that is connected to.
     * @param timeout How long a statement of the feed or the installation may take. 1 second to 1 day.
     * @param maxLag How old the state of figures from ClickHouse alone may be. 1 second to 366 days; none are computed by default.
     * @param feed The worker that ships to it.
     * @param pruning When cells that newer ones have replaced are removed.
     * @since 0.1
     */
    public record ClickHouse(
            @DefaultValue("false") boolean enabled,
            @Nullable String url,
            @Nullable String username,
            @Nullable String password,
            @Nullable String database,
            @Nullable String cluster,
            @Nullable String engine,
            @DefaultValue("false") boolean onCluster,
            @Nullable Duration timeout,
            @Nullable Duration maxLag,
            @DefaultValue Feed feed,
            @DefaultValue Pruning pruning) {

        /**
         * The worker that ships to ClickHouse, scheduled like that of roll-ups.
         *
         * @param enabled Whether this process runs a worker. Any number of processes may.
         * @param pause Pause between two runs. 1 ms to 1 day.
         * @param maxHours How many hours a cycle ships at most. 1 to 1000000.
         * @param runBudget After how long a run starts no further cycle. 1 ms to 1 hour.
         * @param cycleTimeout How long each statement of a cycle may take, and its transaction wait for ClickHouse. 1 second to 1 day.
         * @param drainTimeout How long closing waits for the current cycle. 0 to 1 day.
         * @since 0.1
         */
        public record Feed(
                @DefaultValue("true") boolean enabled,
                @DefaultValue("10s") Duration pause,
                @Nullable Integer maxHours,
                @Nullable Duration runBudget,
                @Nullable Duration cycleTimeout,
                @Nullable Duration drainTimeout) {}

        /**
         * Removal of cells that newer ones have replaced. The schedule is that of each process; one at a time removes.
         *
         * @param cron When they are removed, as a cron expression of six fields. Never by default.
         * @param zone Time zone of the cron expression.
         * @param keep How old a state readers may still ask for. 1 minute to 30 days.
         * @param maxMonths Of how many months a run removes them at most. 1 to 1000.
         * @since 0.1
         */
        public record Pruning(
                @Nullable String cron,
                @DefaultValue("UTC") ZoneId zone,
                @DefaultValue("1h") Duration keep,
                @DefaultValue("10") int maxMonths) {}
    }

    /**
     * Partitions of the tables. The schedule is that of each process; one at a time creates what is missing.
     *
     * @param cron When coming partitions are created, as a cron expression of six fields. Never by default; - has the bean alone.
     * @param zone Time zone of the cron expression.
     * @param ahead How many partitions are created after the current one. 1 to 366.
     * @param lockBudget How long attempts to lock the tables are repeated. At least 1 second.
     * @param createPublished Whether partitions are created whose rows a publication sends under their own names.
     * @since 0.1
     */
    public record Partitions(
            @Nullable String cron,
            @DefaultValue("UTC") ZoneId zone,
            @Nullable Integer ahead,
            @Nullable Duration lockBudget,
            @DefaultValue("false") boolean createPublished) {}

    /**
     * Retention of events and deliveries, whose sums the roll-ups keep. The schedule is that of each process; one at a time deletes.
     *
     * @param cron When old rows are deleted, as a cron expression of six fields. Never by default.
     * @param zone Time zone of the cron expression, and of the days whose rows are deleted.
     * @param keep How old rows must be, rounded up to a whole day of the zone. 1 to 36525 days; needed where there is a cron expression.
     * @since 0.1
     */
    public record Retention(
            @Nullable String cron,
            @DefaultValue("UTC") ZoneId zone,
            @Nullable Duration keep) {}

    /**
     * The event ledger, over the library's own tables.
     *
     * @param enabled Whether there is one.
     * @param duplicates Whether events that repeat an idempotency key count.
     * @param timeout How long a call may wait for a connection, and each of its statements may take. 1 ms to 1 day.
     * @param retainIds For how long ids and keys of what retention deletes stay known, as installed by default. 0, or 1 second to 3650 days.
     * @param cursorSecret Secret that signs cursors, the same in all processes. A key of the library's by default.
     * @since 0.1
     */
    public record Ledger(
            @DefaultValue("false") boolean enabled,
            @Nullable Duplicates duplicates,
            @Nullable Duration timeout,
            @Nullable Duration retainIds,
            @Nullable String cursorSecret) {}

    /**
     * Meters and observations, where there is a registry of Micrometer.
     *
     * @param enabled Whether there are any.
     * @param pause Pause between two samples of the state of roll-ups. 1 second to 1 day.
     * @since 0.1
     */
    public record Metrics(
            @DefaultValue("true") boolean enabled,
            @DefaultValue("15s") Duration pause) {}

    /**
     * Answers over HTTP, in a servlet application.
     *
     * @param enabled Whether the library's own controller answers; it needs a bean of the type UsageAccess, which says who may read what.
     * @param path Path before the organisation's id.
     * @param pendingStatus HTTP status of a figure that isn't known yet. 200 or 202.
     * @param seriesTimeout How long reading a series may take. 1 ms to 10 minutes.
     * @since 0.1
     */
    public record Web(
            @DefaultValue("false") boolean enabled,
            @DefaultValue("/organisations") String path,
            @DefaultValue("200") int pendingStatus,
            @DefaultValue("5s") Duration seriesTimeout) {}

    /**
     * What the Actuator's health reports.
     *
     * @param timeout How long a report waits for the database. 1 ms to 1 minute.
     * @param maxAge How long the state of roll-ups is kept before it is read again. 0 to 1 hour.
     * @param maxLag Lag of roll-ups, or of their feed, beyond which they count as degraded. 1 minute to 366 days.
     * @since 0.1
     */
    public record Health(
            @DefaultValue("1s") Duration timeout,
            @DefaultValue("10s") Duration maxAge,
            @DefaultValue("3h") Duration maxLag) {}
}
