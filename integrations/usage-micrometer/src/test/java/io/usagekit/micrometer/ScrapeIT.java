package io.usagekit.micrometer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.usagekit.Freshness;
import io.usagekit.SingleFlights;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.clickhouse.ClickHouseHistory;
import io.usagekit.clickhouse.ClickHouseUsage;
import io.usagekit.postgres.PostgresCache;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.rollups.spi.CellProject;
import io.usagekit.postgres.rollups.spi.CellReader;
import io.usagekit.postgres.rollups.spi.CellStore;
import io.usagekit.postgres.rollups.spi.FeedWorker;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.postgres.rollups.spi.ShippedDay;
import io.usagekit.postgres.rollups.spi.UsageCell;
import io.usagekit.postgres.rollups.spi.Watermark;
import io.usagekit.servers.PostgresServer;
import io.usagekit.testkit.InMemoryUsageCache;
import io.usagekit.testkit.InMemoryUsageCalculator;
import io.usagekit.testkit.ManualClock;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;
import javax.sql.DataSource;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * What Prometheus scrapes of a host whose service and roll-ups have gone through what they can go through, and that the dashboard and the
 * alert rules use nothing else.
 */
class ScrapeIT {

    private static final Path DOCS = Path.of("..", "..", "docs");
    private static final Path DASHBOARD = DOCS.resolve("metrics/grafana-dashboard.json");
    private static final Path RULES = DOCS.resolve("metrics/prometheus-rules.yml");
    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));

    private static PrometheusText scraped = new PrometheusText("");

    @BeforeAll
    static void scrape() throws Exception {
        PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        UsageMeters meters = UsageMeters.of(registry);
        try (UsageService service = useService(meters);
                PostgresServer server = PostgresServer.start()) {
            assertThat(service.stats().permits()).isEqualTo(4);
            RollupMeters ofRollups = RollupMeters.of(registry);
            PostgresRollups rollups = useRollups(server, ofRollups);
            useFeed(server, FeedMeters.of(registry));
            useHistory(HistoryMeters.of(registry));
            retain(rollups, ofRollups);
            ExecutorService executor = Executors.newFixedThreadPool(2);
            UsageService cached = useCache(server, executor, PostgresCacheMeters.of(registry));
            PartitionMeters partitions = PartitionMeters.of(registry);
            assertThat(EventChecks.registeredByEvents(registry, PartitionProgress.class, partitions))
                    .isEmpty();
            scraped = new PrometheusText(registry.scrape());
            cached.close();
            executor.shutdown();
            assertThat(new PrometheusText(registry.scrape()).value("usagekit_cache_postgres_listening"))
                    .as("after the service, which closes its flight store")
                    .isNaN();
        }
    }

    /** On in-memory ports: a computation and two hits, two misses while the database is away, a computation while the cache is. */
    private static UsageService useService(UsageMeters meters) {
        ManualClock clock = ManualClock.at("2026-03-17T12:00:00Z");
        InMemoryUsageCalculator database = InMemoryUsageCalculator.create(clock);
        InMemoryUsageCache cache = InMemoryUsageCache.create(clock);
        UsageService service = meters.bind(UsageService.builder(database)
                .cache(cache)
                .errorBackOff(Duration.ZERO)
                .ticker(clock.ticker())
                .clock(clock)
                .addListener(meters)
                .build());
        service.get("org-123", MARCH);
        service.get("org-123", MARCH);
        service.get("org-123", MARCH);
        clock.advance(Duration.ofMinutes(20));
        database.goDown();
        assertThat(service.get("org-123", MARCH).freshness()).isEqualTo(Freshness.STALE_ON_ERROR);
        assertThatThrownBy(() -> service.get("org-124", MARCH)).isInstanceOf(UsageCalculationException.class);
        database.comeBack();
        cache.goDown();
        service.get("org-125", MARCH);
        return service;
    }

    /** On PostgreSQL: installation, a run, a figure, a verification. */
    private static PostgresRollups useRollups(PostgresServer server, RollupMeters meters) throws SQLException {
        try (Connection connection = server.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("drop schema if exists scrape cascade; drop schema if exists scrape_rollups cascade");
            PostgresUsage.install(server.dataSource(), "scrape");
            statement.execute("insert into scrape.projects (id, organisation_id) values ('p', 'org-123');"
                    + "insert into scrape.events (id, project_id, raw, created_at)"
                    + " values ('e', 'p', 'hello', '2026-03-17T00:00Z')");
        }
        PostgresRollups rollups = PostgresRollups.builder(server.dataSource())
                .mapping(TableMapping.usagekit("scrape"))
                .listener(meters)
                .build();
        meters.sample(rollups);
        rollups.install();
        try (RollupWorker worker = rollups.worker().build();
                UsageService service =
                        UsageService.builder(rollups.calculator()).build()) {
            boolean finished = false;
            for (int run = 0; run < 100 && !finished; run++) {
                finished = worker.runOnce().finished();
            }
            assertThat(service.get("org-123", MARCH)
                            .usage()
                            .orElseThrow()
                            .received()
                            .volume())
                    .isEqualTo(1);
        }
        assertThat(rollups.verify(meters.verification())).isZero();
        return rollups;
    }

    private static void retain(PostgresRollups rollups, RollupMeters meters) {
        rollups.deleteBefore(Instant.parse("2026-04-01T00:00:00Z"), meters.retention());
        meters.sample(rollups);
    }

    /** On a store that loses what it is given: two cycles around a figure whose read is refused, and one that can't be read; a sample. */
    /** ClickHouse is away, and a window divides an hour. */
    private static void useHistory(HistoryMeters meters) {
        DataSource away = (DataSource) Proxy.newProxyInstance(
                DataSource.class.getClassLoader(), new Class<?>[] {DataSource.class}, (proxy, method, arguments) -> {
                    throw new SQLTransientConnectionException("ClickHouse is away");
                });
        ClickHouseHistory history = ClickHouseUsage.builder(away).build().history(Duration.ofMinutes(5), meters);
        assertThatThrownBy(() -> history.calculate(new UsageKey("org-123", MARCH), Duration.ofSeconds(5)))
                .isInstanceOf(UsageCalculationException.class);
        UsagePeriod half = UsagePeriod.between(MARCH.start(), MARCH.start().plus(Duration.ofMinutes(30)));
        assertThatThrownBy(() -> history.calculate(new UsageKey("org-123", half), Duration.ofSeconds(5)))
                .isInstanceOf(UsageCalculationException.class);
    }

    private static void useFeed(PostgresServer server, FeedMeters meters) {
        RollupFeed feed = PostgresRollups.of(server.dataSource(), TableMapping.usagekit("scrape"))
                .feed();
        AtomicBoolean away = new AtomicBoolean();
        CellReader reader = (version, days, edges, timeout) -> {
            if (away.get()) {
                throw new UsageCalculationException("a shard is away", null);
            }
            return Map.of();
        };
        meters.sample(feed);
        feed.install();
        UsageCalculator calculator = feed.calculator(reader, meters);
        UsageKey key = new UsageKey("org-123", MARCH);
        try (FeedWorker worker = feed.worker(new LosingStore()).listener(meters).build()) {
            worker.runOnce();
            assertThat(calculator
                            .calculate(key, Duration.ofMinutes(1))
                            .received()
                            .volume())
                    .isEqualTo(1);
            worker.runOnce();

            away.set(true);
            assertThatThrownBy(() -> calculator.calculate(key, Duration.ofMinutes(1)))
                    .isInstanceOf(UsageCalculationException.class);
        }
        meters.sample(feed);
    }

    /** Accepts all and keeps nothing. */
    private static final class LosingStore implements CellStore {

        @Override
        public long highestVersion() {
            return 0;
        }

        @Override
        public void insertCells(long version, List<UsageCell> cells) {}

        @Override
        public void insertDays(long version, List<ShippedDay> days) {}

        @Override
        public void insertProjects(long version, List<CellProject> projects) {}

        @Override
        public void publish(Watermark watermark) {}
    }

    /** In PostgreSQL: a miss, which computes and stores, a hit, and an invalidation, whose message is received. */
    private static UsageService useCache(PostgresServer server, ExecutorService executor, PostgresCacheMeters meters) {
        PostgresCache replaced = PostgresCache.of(server.dataSource(), executor);
        PostgresCache shared = PostgresCache.builder(server.dataSource(), executor)
                .schema("scrape_cache")
                .timeout(Duration.ofMinutes(1))
                .listenOn(server.dataSource())
                .build();
        shared.remove();
        shared.install();
        meters.bind(replaced);
        assertThat(meters.bind(shared)).isSameAs(shared);
        UsageService service = UsageService.builder(InMemoryUsageCalculator.create())
                .cache(shared.cache())
                .singleFlight(SingleFlights.fleetWide(shared.flightStore()))
                .build();
        service.get("org-123", MARCH);
        service.get("org-123", MARCH);
        service.invalidate("org-123");
        long deadline = System.nanoTime() + Duration.ofMinutes(1).toNanos();
        while (shared.stats().wakeUps() == 0 && System.nanoTime() < deadline) {
            Thread.onSpinWait();
        }
        return service;
    }

    @Test
    void hasWhatTheCacheInPostgresDid() {
        assertThat(scraped.value("usagekit_cache_postgres_reads_total", "result", "hit"))
                .isEqualTo(1);
        assertThat(scraped.value("usagekit_cache_postgres_reads_total", "result", "miss"))
                .isPositive();
        assertThat(scraped.value("usagekit_cache_postgres_writes_total")).isEqualTo(1);
        assertThat(scraped.value("usagekit_cache_postgres_prunes_total", "outcome", "finished"))
                .isZero();
        assertThat(scraped.value("usagekit_cache_postgres_prunes_total", "outcome", "failed"))
                .isZero();
        assertThat(scraped.value("usagekit_cache_postgres_pruned_rows_total")).isZero();
        assertThat(scraped.value("usagekit_cache_postgres_wakeups_total")).isPositive();
        assertThat(scraped.value("usagekit_cache_postgres_listening")).isEqualTo(1);
    }

    @Test
    void hasWhatTheServiceDid() {
        assertThat(scraped.value("usagekit_hits_total", "tier", "shared")).isEqualTo(2);
        assertThat(scraped.value("usagekit_hits_total", "tier", "near")).isZero();
        assertThat(scraped.value("usagekit_misses_total")).isEqualTo(3);
        assertThat(scraped.value("usagekit_stale_age_seconds_count", "freshness", "stale_on_error"))
                .isEqualTo(1);
        assertThat(scraped.value("usagekit_stale_age_seconds_sum", "freshness", "stale_on_error"))
                .isEqualTo(1200);
        assertThat(scraped.value("usagekit_computations_seconds_count")).isEqualTo(2);
        assertThat(scraped.value("usagekit_computations_failed_total", "error", "transient"))
                .isEqualTo(2);
        assertThat(scraped.value("usagekit_computations_failed_total", "error", "permanent"))
                .isZero();
        assertThat(scraped.value("usagekit_cache_reads_failed_total", "error", "transient"))
                .isPositive();
        assertThat(scraped.value("usagekit_cache_up")).isZero();
        assertThat(scraped.value("usagekit_tracking_up")).isNaN();
        assertThat(scraped.value("usagekit_permits_max")).isEqualTo(4);
    }

    @Test
    void hasWhatTheRollupsDid() {
        assertThat(scraped.value("usagekit_rollups_installed")).isEqualTo(1);
        assertThat(scraped.value("usagekit_rollups_runs_seconds_count", "outcome", "finished"))
                .isEqualTo(1);
        assertThat(scraped.value("usagekit_rollups_lag_seconds")).isBetween(0.0, 2 * 3600.0);
        assertThat(scraped.value("usagekit_rollups_projects")).isEqualTo(1);
        assertThat(scraped.value("usagekit_rollups_alterations")).isZero();
        assertThat(scraped.value("usagekit_rollups_figures_total", "source", "rollups", "reason", "none"))
                .isEqualTo(1);
        assertThat(scraped.value("usagekit_verification_verified_projects_total"))
                .isEqualTo(1);
        assertThat(scraped.value("usagekit_verification_drifted_hours_total")).isZero();
        assertThat(scraped.value("usagekit_retention_deleted_rows_total", "table", "events"))
                .isEqualTo(1);
        assertThat(scraped.value("usagekit_partitions_copied_rows_total")).isPositive();
    }

    @Test
    void hasWhatHistoryRefused() {
        assertThat(scraped.value("usagekit_history_age_seconds_count")).isZero();
        assertThat(scraped.value("usagekit_history_failed_total", "error", "transient"))
                .isEqualTo(1);
        assertThat(scraped.value("usagekit_history_refused_total", "reason", "divided_hour"))
                .isEqualTo(1);
    }

    @Test
    void hasWhatTheFeedDid() {
        assertThat(scraped.value("usagekit_feed_installed")).isEqualTo(1);
        assertThat(scraped.value("usagekit_feed_intact")).isEqualTo(1);
        assertThat(scraped.value("usagekit_feed_lag_seconds")).isZero();
        assertThat(scraped.value("usagekit_feed_waiting")).isZero();
        assertThat(scraped.value("usagekit_feed_version")).isPositive();
        assertThat(scraped.value("usagekit_feed_runs_seconds_count", "outcome", "finished"))
                .isEqualTo(2);
        assertThat(scraped.value("usagekit_feed_cycles_total")).isEqualTo(2);
        assertThat(scraped.value("usagekit_feed_shipped_hours_total")).isPositive();
        assertThat(scraped.value("usagekit_feed_reads_refused_total", "reshipped", "true"))
                .isEqualTo(1);
        assertThat(scraped.value("usagekit_feed_reads_failed_total", "error", "transient"))
                .isEqualTo(1);
    }

    @Test
    void hasEachMetricLabelAndValueOfTheDashboard() throws IOException {
        List<String> texts = new ArrayList<>();
        collect(new ObjectMapper().readTree(DASHBOARD.toFile()), texts);
        String all = String.join("\n", texts);

        assertThat(PrometheusText.names(all)).hasSizeGreaterThan(60);
        assertThat(scraped.unmatched(all)).isEmpty();
        assertThat(scraped.unknownLabels(all)).isEmpty();
    }

    private static void collect(JsonNode node, List<String> texts) {
        if (node.isTextual()) {
            texts.add(node.asText());
        }
        node.forEach(child -> collect(child, texts));
    }

    @Test
    void hasEachMetricLabelAndValueOfTheRules() throws IOException {
        String rules = Files.readString(RULES);

        assertThat(PrometheusText.names(rules)).hasSizeGreaterThan(20);
        assertThat(scraped.unmatched(rules)).isEmpty();
        assertThat(scraped.unknownLabels(rules)).isEmpty();
    }

    @Test
    void whatIsNotScrapedIsDetected() {
        assertThat(scraped.unmatched("rate(usagekit_hit_total[5m]) + usagekit_hits_total{tier=\"far\"}"
                        + " + usagekit_rollups_runs_seconds_count{outcome=~\"finished|done\"} + usagekit_misses_total"))
                .containsExactly(
                        "usagekit_hit_total",
                        "usagekit_hits_total{tier=\"far\"}",
                        "usagekit_rollups_runs_seconds_count{outcome=~\"finished|done\"}");
        assertThat(scraped.unknownLabels("sum by (organisation) (usagekit_misses_total) {{ $labels.tiers }}"))
                .containsExactly("organisation", "tiers");
    }

    @Test
    void eachAlertHasItsIncidentOnThePageOfOperations() throws IOException {
        List<String> alerts = Pattern.compile("alert: (\\w+)")
                .matcher(Files.readString(RULES))
                .results()
                .map(alert -> alert.group(1))
                .toList();
        List<String> incidents = Pattern.compile("(?m)^\\| `(Usagekit\\w+)` \\|")
                .matcher(Files.readString(DOCS.resolve("operations.md")))
                .results()
                .map(incident -> incident.group(1))
                .toList();

        assertThat(alerts).hasSizeGreaterThan(15);
        assertThat(incidents).containsExactlyElementsOf(alerts);
    }
}
