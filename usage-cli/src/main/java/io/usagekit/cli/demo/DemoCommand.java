package io.usagekit.cli.demo;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import io.usagekit.cli.http.UsageHttpServer;
import io.usagekit.cli.support.DatabaseOptions;
import io.usagekit.cli.support.Progress;
import io.usagekit.cli.support.RedisClients;
import io.usagekit.cli.support.Resources;
import io.usagekit.cli.support.Specs;
import io.usagekit.cli.support.Tables;
import io.usagekit.cli.support.UsageTables;
import io.usagekit.cli.support.Version;
import io.usagekit.format.UsageResponseFormatter;
import io.usagekit.page.TableProjects;
import io.usagekit.page.UsageDetails;
import io.usagekit.page.UsagePage;
import io.usagekit.page.UsageRows;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rows.PostgresRows;
import java.io.PrintWriter;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.YearMonth;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Shows it all. */
@Command(
        name = "demo",
        description = {
            "Starts PostgreSQL and Redis, loads three months of events of 50 organisations, prints what each has used in"
                    + " a month and how long that takes, and serves it by HTTP until stopped.",
            "With --jdbc-url it loads into a schema of its own (default: " + DemoCommand.FOREIGN_SCHEMA
                    + "), which stays."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
public final class DemoCommand implements Callable<Integer> {

    /** In somebody's database. */
    static final String FOREIGN_SCHEMA = "usagekit_demo";

    /** The month of the table. */
    static final UsagePeriod MONTH = UsagePeriod.month(YearMonth.of(2026, 3));

    private static final int MAX_EVENTS = 10_000_000;
    private static final int MIN_PROCESSES = 2;
    private static final int MAX_PROCESSES = 16;
    private static final int INTERRUPTED = 130;
    private static final Duration PAGE_TIMEOUT = Duration.ofSeconds(10);

    @Spec
    private @Nullable CommandSpec spec;

    @Mixin
    private DatabaseOptions database = new DatabaseOptions();

    @Option(
            names = "--redis-url",
            paramLabel = "URL",
            description = "A Redis that is running already: redis://user:password@host:port/database.")
    private @Nullable String redisUrl;

    @Option(names = "--events", paramLabel = "N", description = "How many; ${DEFAULT-VALUE} by default.")
    private int events = 100_000;

    @Option(
            names = "--seed",
            paramLabel = "S",
            description = "The same seed makes the same figures; ${DEFAULT-VALUE} by default.")
    private long seed = 2026;

    @Option(
            names = "--port",
            paramLabel = "P",
            description = "Where to serve, 0 for any that is free; ${DEFAULT-VALUE} by default.")
    private int port = 8080;

    @Option(
            names = "--processes",
            paramLabel = "N",
            description = "After the figures, starts so many JVMs that ask for the same one together, nothing cached; "
                    + MIN_PROCESSES + " to " + MAX_PROCESSES + ", none by default.")
    private @Nullable Integer processes;

    @Option(
            names = "--clickhouse",
            description =
                    "After the figures, starts two ClickHouse shards, ships the roll-ups to them, prints the same month from"
                            + " both, and what callers receive when a shard is killed; needs the library of chDB, which npm"
                            + " installs.")
    private boolean clickHouse;

    @Option(names = "--once", description = "Ends after the figures instead of serving them.")
    private boolean once;

    @Override
    public Integer call() throws SQLException, InterruptedException {
        if (events < 1 || events > MAX_EVENTS) {
            throw new IllegalArgumentException("events must be 1 to " + MAX_EVENTS + ", but was " + events);
        }
        if (processes != null && (processes < MIN_PROCESSES || processes > MAX_PROCESSES)) {
            throw new IllegalArgumentException(
                    "processes must be " + MIN_PROCESSES + " to " + MAX_PROCESSES + ", but was " + processes);
        }
        UsageHttpServer.requirePort(port);
        if (clickHouse) {
            DemoClickHouse.requireInstalled();
        }
        Optional.ofNullable(redisUrl).ifPresent(RedisClients::uri);
        try (Resources resources = Resources.untilShutdown(Specs.err(spec))) {
            try {
                run(resources);
                return ExitCode.OK;
            } catch (RuntimeException | SQLException | InterruptedException e) {
                if (resources.isStopping()) {
                    return INTERRUPTED; // what it ran on was taken away from under it
                }
                throw e;
            }
        }
    }

    private void run(Resources resources) throws SQLException, InterruptedException {
        PrintWriter out = Specs.out(spec);
        Optional<UsageHttpServer> http = once ? Optional.empty() : Optional.of(UsageHttpServer.bind(port));
        http.ifPresent(server -> resources.add(server, server));
        DemoBackends backends = DemoBackends.start(database, redisUrl, resources, out);
        String schema = database.schemaOr(database.isGiven() ? FOREIGN_SCHEMA : TableMapping.DEFAULT_SCHEMA);
        load(backends.dataSource(), schema, out);

        UsageCalculator calculator = PostgresUsage.calculator(backends.dataSource(), TableMapping.usagekit(schema));
        OrganisationUsage largest = printOrganisations(calculator, out);

        AtomicLong queries = new AtomicLong();
        String keyPrefix = keyPrefix();
        UsageServiceBuilder builder = UsageService.builder(calculator).listener(counting(queries));
        UsageService usage = RedisClients.share(
                        builder, RedisClients.builder(backends.redis()).keyPrefix(keyPrefix))
                .build();
        resources.add(usage, usage);
        print(largest.key(), DemoMeasurement.of(usage, largest.key(), queries::get), out);
        PostgresRollups rollups = PostgresRollups.of(backends.dataSource(), TableMapping.usagekit(schema));
        print(DemoRollups.of(rollups, calculator, largest.key()), out);
        if (clickHouse) {
            DemoClickHouse.show(rollups, largest.key(), resources, out);
        }
        if (processes != null) {
            DemoOrders orders = DemoOrders.of(backends, schema, keyPrefix, largest.organisationId());
            print(askTogether(processes, orders, usage, resources), out);
        }
        if (http.isPresent()) {
            resources.add(http.get(), http.get()); // again: the first to close now
            UsagePage page = UsagePage.builder(usage)
                    .details(UsageDetails.of(rollups, PAGE_TIMEOUT))
                    .rows(UsageRows.of(PostgresRows.of(backends.dataSource(), TableMapping.usagekit(schema))))
                    .projects(new TableProjects(backends.dataSource(), schema))
                    .build();
            serve(http.get(), usage, page, largest, out);
        }
    }

    private void load(DataSource dataSource, String schema, PrintWriter out) throws SQLException, InterruptedException {
        Tables tables = Tables.of(schema);
        refuseToMix(dataSource, tables, schema);
        PostgresUsage.install(dataSource, schema);
        long began = System.nanoTime();
        DemoOrganisations organisations = new DemoOrganisations(seed);
        DemoLoader.Outcome loaded;
        try (Progress progress = Progress.of("Loading", "events", events, Specs.err(spec))) {
            loaded = new DemoLoader(dataSource, tables, organisations, seed, events).load(progress);
        }
        Duration took = Duration.ofNanos(System.nanoTime() - began);
        try (Connection connection = dataSource.getConnection()) {
            out.printf(
                    Locale.ROOT,
                    "Loaded %,d events of %,d MB and %,d deliveries of %d organisations into schema %s in %.1f s"
                            + " (seed %d; %,d MB on disk).%n",
                    loaded.events(),
                    megabytes(loaded.octets()),
                    loaded.deliveries(),
                    DemoOrganisations.COUNT,
                    schema,
                    took.toMillis() / 1000.0,
                    seed,
                    megabytes(tables.octetsOnDisk(connection)));
        }
    }

    private static void refuseToMix(DataSource dataSource, Tables tables, String schema) throws SQLException {
        try (Connection connection = dataSource.getConnection()) {
            if (tables.holdEvents(connection)) {
                throw new IllegalStateException(
                        "schema '" + schema + "' holds events already; drop it, or pass another --schema");
            }
        }
    }

    private OrganisationUsage printOrganisations(UsageCalculator calculator, PrintWriter out) {
        List<OrganisationUsage> figures = new DemoOrganisations(seed)
                .ids().stream()
                        .map(id -> calculator.calculate(new UsageKey(id, MONTH), Duration.ofMinutes(1)))
                        .sorted(Comparator.comparingLong((OrganisationUsage figure) ->
                                        figure.received().bytes())
                                .reversed())
                        .toList();
        out.println();
        out.println("Usage in " + MONTH.label() + ":");
        out.println(UsageTables.organisations(figures));
        return figures.get(0);
    }

    /** In somebody's Redis, what an earlier demo has left is none of this one's. */
    private String keyPrefix() {
        return redisUrl == null ? "usage" : "usage-demo-" + UUID.randomUUID();
    }

    private List<DemoAnswers> askTogether(int count, DemoOrders orders, UsageService usage, Resources resources)
            throws InterruptedException {
        try (DemoFleet fleet = new DemoFleet(count, Specs.err(spec))) {
            resources.add(fleet, fleet);
            fleet.start(orders);
            usage.invalidate(orders.organisationId(), MONTH);
            return fleet.ask();
        }
    }

    private static UsageListener counting(AtomicLong queries) {
        return new UsageListener() {
            @Override
            public void computed(UsageKey key, Duration took) {
                queries.incrementAndGet();
            }
        };
    }

    private static void print(UsageKey key, DemoMeasurement measured, PrintWriter out) {
        out.println();
        out.println("The largest, " + key.organisationId() + ":");
        out.printf(Locale.ROOT, "  %-42s %8.2f ms%n", "computed by PostgreSQL", millis(measured.cold()));
        out.printf(
                Locale.ROOT,
                "  %-42s %8.2f ms%n",
                "a hit in Redis, median of " + DemoMeasurement.HITS,
                millis(measured.hit()));
        out.printf(
                Locale.ROOT,
                "  %-42s %8.2f ms, %d %s%n",
                DemoMeasurement.CALLERS + " callers at once, nothing cached",
                millis(measured.burst()),
                measured.burstQueries(),
                queries(measured.burstQueries()));
        out.println();
        out.println(UsageResponseFormatter.enveloped().toJson(measured.result()));
        out.flush();
    }

    private static void print(DemoRollups measured, PrintWriter out) {
        out.println();
        out.printf(Locale.ROOT, "The same month, all of it rolled up in %.1f s:%n", millis(measured.rolling()) / 1_000);
        out.printf(
                Locale.ROOT,
                "  %-42s %8.2f ms%n",
                "from raw rows, median of " + DemoRollups.RUNS,
                millis(measured.raw()));
        out.printf(
                Locale.ROOT,
                "  %-42s %8.2f ms%n",
                "from roll-ups, median of " + DemoRollups.RUNS,
                millis(measured.rolled()));
        out.flush();
    }

    private static void print(List<DemoAnswers> ofEach, PrintWriter out) {
        long queries = ofEach.stream().mapToLong(DemoAnswers::queries).sum();
        out.println();
        out.println(DemoTables.fleet(ofEach));
        out.printf(
                Locale.ROOT,
                "%d processes x %d callers on one cold key: %d %s%n",
                ofEach.size(),
                DemoOrders.CALLERS,
                queries,
                queries(queries));
        out.flush();
    }

    private static String queries(long count) {
        return count == 1 ? "query" : "queries";
    }

    private static void serve(
            UsageHttpServer http, UsageService usage, UsagePage page, OrganisationUsage largest, PrintWriter out)
            throws InterruptedException {
        http.serve(usage, page);
        out.println();
        out.println("The usage page: " + http.url() + page.address(largest.organisationId()) + "?period="
                + largest.period().label());
        out.println("Serving at " + http.url() + " until Ctrl-C. Try:");
        out.println("  curl -s '" + http.url() + "/organisations/" + largest.organisationId() + "/usage?period="
                + largest.period().label() + "'");
        out.flush();
        new CountDownLatch(1).await(); // until the JVM is stopped
    }

    private static long megabytes(long octets) {
        return octets / 1_000_000;
    }

    private static double millis(Duration duration) {
        return duration.toNanos() / 1e6;
    }
}
