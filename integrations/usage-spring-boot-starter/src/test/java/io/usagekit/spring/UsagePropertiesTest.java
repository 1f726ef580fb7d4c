package io.usagekit.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.usagekit.SingleFlights;
import io.usagekit.UsageServiceBuilder;
import io.usagekit.clickhouse.ClickHouseUsage;
import io.usagekit.postgres.PostgresCache;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.redis.RedisUsage;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.convert.DurationStyle;
import org.springframework.boot.json.JsonParserFactory;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

/** Each property: a value that it takes, one that it rejects, and its entry in the metadata that IDEs complete from. */
class UsagePropertiesTest {

    private static final String LONG_NAME = "n".repeat(64);

    /** Wrong values, and what the message says besides the property's name. */
    static Stream<Arguments> wrongValues() {
        return Stream.of(
                wrong("usagekit.install", "sometimes", "sometimes"),
                wrong("usagekit.calculator", "abacus", "abacus"),
                wrong("usagekit.count-deleted-projects", "perhaps", "perhaps"),
                wrong("usagekit.cache", "far", "far"),
                wrong("usagekit.single-flight", "double", "double"),
                wrong("usagekit.ttl", "2d", "must be positive and at most PT24H, but was PT48H"),
                wrong("usagekit.refresh-after", "1h", "must be at least 0 and less than ttl (PT10M), but was PT1H"),
                wrong("usagekit.refresh-jitter-percent", "51", "must be between 0 and 50, but was 51"),
                wrong("usagekit.stale-if-error", "25h", "must be between PT0S and PT24H, but was PT25H"),
                wrong("usagekit.error-back-off", "61s", "must be between PT0S and PT1M, but was PT1M1S"),
                wrong("usagekit.outage-policy", "fail-softly", "fail-softly"),
                wrong("usagekit.max-concurrent-computations", "1001", "must be between 1 and 1000, but was 1001"),
                wrong(
                        "usagekit.max-concurrent-computations-per-organisation",
                        "5",
                        "must be between 1 and 4, but was 5"),
                wrong("usagekit.max-queued-computations", "-1", "must be between 0 and 100000, but was -1"),
                wrong("usagekit.drain-timeout", "25h", "must be between PT0S and PT24H, but was PT25H"),
                wrong("usagekit.computation-timeout", "0s", "must be positive and at most PT24H, but was PT0S"),
                wrong("usagekit.miss-policy", "soon", "must be await, pending, or a positive duration", "\"soon\""),
                wrong("usagekit.miss-policy", "0ms", "must be await, pending, or a positive duration", "\"0ms\""),
                wrong("usagekit.tables.preset", "theirs", "theirs"),
                wrong("usagekit.tables.schema", LONG_NAME, "1 to 63 bytes", LONG_NAME),
                wrongName("projects"),
                wrongName("project-id"),
                wrongName("project-organisation-id"),
                wrongName("project-deleted-at"),
                wrongName("events"),
                wrongName("event-id"),
                wrongName("event-project-id"),
                wrongName("event-created-at"),
                wrongName("event-deleted-at"),
                wrongName("payload"),
                wrongName("stored-bytes"),
                wrong("usagekit.tables.payload-stored-bytes.raw", LONG_NAME, "1 to 63 bytes", LONG_NAME),
                wrongName("delivery-stored-bytes"),
                wrongName("deliveries"),
                wrongName("delivery-id"),
                wrongName("delivery-project-id"),
                wrongName("delivery-event-id"),
                wrongName("delivery-status"),
                wrongName("delivery-created-at"),
                wrong("usagekit.tables.delivered-statuses", "", "must name at least one status"),
                wrong("usagekit.tables.timestamps-in", "Asia/Kolkata", "must be UTC, but was Asia/Kolkata"),
                wrong("usagekit.tables.timestamps-in", "Mars", "must be UTC, but was \"Mars\""),
                wrong("usagekit.tables.keep-deleted-projects", "perhaps", "perhaps"),
                wrong("usagekit.redis.key-prefix", "a b", "must be 1 to 64 of", "\"a b\""),
                wrong("usagekit.redis.command-timeout", "2m", "must be between PT0.001S and PT1M, but was PT2M"),
                wrong("usagekit.redis.connect-timeout", "0s", "must be between PT0.001S and PT1M, but was PT0S"),
                wrong("usagekit.redis.lease", "99ms", "must be between PT0.1S and PT1M, but was PT0.099S"),
                wrong("usagekit.redis.poll-interval", "6s", "must be between PT0.001S and lease (PT5S), but was PT6S"),
                wrong("usagekit.redis.near-maximum-size", "0", "must be between 1 and 10000000, but was 0"),
                wrong("usagekit.redis.heartbeat", "2m", "must be between PT0.001S and PT1M, but was PT2M"),
                wrong("usagekit.postgres-cache.schema", LONG_NAME, "must be an identifier of 1 to 63 bytes", LONG_NAME),
                wrong("usagekit.postgres-cache.timeout", "2m", "must be between PT0.001S and PT1M, but was PT2M"),
                wrong("usagekit.postgres-cache.threads", "0", "must be between 1 and 100, but was 0"),
                wrong("usagekit.postgres-cache.threads", "101", "must be between 1 and 100, but was 101"),
                wrong("usagekit.postgres-cache.listen", "perhaps", "perhaps"),
                wrong("usagekit.postgres-cache.lease", "99ms", "must be between PT0.1S and PT1M, but was PT0.099S"),
                wrong("usagekit.postgres-cache.poll-interval", "6s", "must be between PT0.001S and PT5S, but was PT6S"),
                wrong("usagekit.postgres-cache.heartbeat", "2m", "must be between PT0.001S and PT1M, but was PT2M"),
                wrong("usagekit.rollups.schema", "usagekit", "must differ from that of the tables", "usagekit"),
                wrong("usagekit.rollups.omit-missing-projects", "perhaps", "perhaps"),
                wrong("usagekit.clickhouse.enabled", "perhaps", "perhaps"),
                wrong("usagekit.clickhouse.url", "jdbc:postgresql://db/app", "must look like jdbc:ch://host:8123"),
                wrong("usagekit.clickhouse.database", "", "must not be blank"),
                wrong("usagekit.clickhouse.cluster", "", "must not be blank"),
                wrong("usagekit.clickhouse.engine", "Log", "must be MergeTree or ReplicatedMergeTree", "but was Log"),
                wrong("usagekit.clickhouse.on-cluster", "perhaps", "perhaps"),
                wrong("usagekit.clickhouse.timeout", "0s", "must be between PT1S and PT24H, but was PT0S"),
                wrong("usagekit.clickhouse.max-lag", "0s", "must be between PT1S and PT8784H, but was PT0S"),
                wrong("usagekit.clickhouse.feed.enabled", "perhaps", "perhaps"),
                wrong("usagekit.clickhouse.feed.pause", "0s", "must be between PT0.001S and PT24H, but was PT0S"),
                wrong("usagekit.clickhouse.feed.max-hours", "0", "must be between 1 and 1000000, but was 0"),
                wrong("usagekit.clickhouse.feed.run-budget", "2h", "must be between PT0.001S and PT1H, but was PT2H"),
                wrong("usagekit.clickhouse.feed.cycle-timeout", "0s", "must be between PT1S and PT24H, but was PT0S"),
                wrong("usagekit.clickhouse.feed.drain-timeout", "25h", "must be between PT0S and PT24H, but was PT25H"),
                wrong("usagekit.clickhouse.pruning.cron", "often", "must be a cron expression of six fields"),
                wrong("usagekit.clickhouse.pruning.zone", "Mars", "Mars"),
                wrong("usagekit.clickhouse.pruning.keep", "1s", "must be between PT1M and PT720H, but was PT1S"),
                wrong("usagekit.clickhouse.pruning.max-months", "0", "must be between 1 and 1000, but was 0"),
                wrong("usagekit.partitions.cron", "often", "must be a cron expression of six fields", "\"often\""),
                wrong("usagekit.partitions.cron", "0 0 3 31 2 *", "\"0 0 3 31 2 *\"", "which never fires"),
                wrong("usagekit.partitions.zone", "Mars", "Mars"),
                wrong("usagekit.partitions.ahead", "367", "must be 1 to 366, but was 367"),
                wrong("usagekit.partitions.lock-budget", "0s", "must be at least PT1S, but was PT0S"),
                wrong("usagekit.partitions.create-published", "perhaps", "perhaps"),
                wrong("usagekit.retention.cron", "often", "must be a cron expression of six fields", "\"often\""),
                wrong("usagekit.retention.cron", "0 0 3 30 FEB ?", "\"0 0 3 30 FEB ?\"", "which never fires"),
                wrong("usagekit.retention.zone", "Mars", "Mars"),
                wrong("usagekit.retention.keep", "1h", "must be between PT24H and PT876600H", "but was PT1H"),
                wrong("usagekit.retention.keep", "36526d", "must be between PT24H and PT876600H", "but was PT876624H"),
                wrong("usagekit.ledger.enabled", "perhaps", "perhaps"),
                wrong("usagekit.ledger.duplicates", "some", "some"),
                wrong("usagekit.ledger.timeout", "0s", "must be between PT0.001S and PT24H, but was PT0S"),
                wrong(
                        "usagekit.ledger.retain-ids",
                        "1ms",
                        "must be zero or between PT1S and PT87600H, but was PT0.001S"),
                wrong("usagekit.ledger.cursor-secret", "", "must not be empty"),
                wrong("usagekit.metrics.pause", "0s", "must be between PT1S and PT24H, but was PT0S"),
                wrong("usagekit.web.enabled", "perhaps", "perhaps"),
                wrong("usagekit.worker.enabled", "perhaps", "perhaps"),
                wrong("usagekit.worker.pause", "0s", "must be between PT0.001S and PT24H, but was PT0S"),
                wrong("usagekit.worker.settle", "25h", "must be between PT0S and PT24H, but was PT25H"),
                wrong("usagekit.worker.run-budget", "0s", "must be between PT0.001S and PT1H, but was PT0S"),
                wrong("usagekit.worker.step-budget", "2h", "must be between PT0.001S and PT1H, but was PT2H"),
                wrong("usagekit.worker.step-timeout", "2h", "must be between PT0.001S and PT1H, but was PT2H"),
                wrong("usagekit.worker.wait-for-writers", "2h", "must be between PT0.001S and PT1H, but was PT2H"),
                wrong("usagekit.worker.drain-timeout", "25h", "must be between PT0S and PT24H, but was PT25H"));
    }

    /** Properties that have no wrong value: any text disables, or names tables, which are looked for when they are used. */
    private static final Set<String> WITHOUT_WRONG_VALUES = Set.of(
            "usagekit.enabled",
            "usagekit.clickhouse.username",
            "usagekit.clickhouse.password",
            "usagekit.metrics.enabled",
            "usagekit.rollups.delete-dependants",
            "usagekit.web.path");

    /** Properties whose wrong values the tests of their beans have. */
    private static final Set<String> TESTED_ELSEWHERE = Set.of(
            "usagekit.web.pending-status",
            "usagekit.web.series-timeout",
            "usagekit.health.timeout",
            "usagekit.health.max-age",
            "usagekit.health.max-lag");

    private static Arguments wrong(String property, String value, String... parts) {
        return Arguments.of(property, value, List.of(parts));
    }

    private static Arguments wrongName(String name) {
        return wrong("usagekit.tables." + name, LONG_NAME, "must be an identifier of 1 to 63 bytes", LONG_NAME);
    }

    @ParameterizedTest
    @MethodSource("wrongValues")
    void aWrongValueFailsTheStartByName(String property, String value, List<String> parts) {
        rollupsOfOtherTables(property)
                .withPropertyValues(property + "=" + value)
                .run(context -> {
                    assertThat(context).hasFailed();
                    List<String> messages = Stream.iterate(
                                    context.getStartupFailure(), Objects::nonNull, Throwable::getCause)
                            .map(Throwable::toString)
                            .toList();
                    assertThat(messages)
                            .anySatisfy(message -> assertThat(message).contains(property));
                    assertThat(String.join("\n", messages)).contains(parts);
                    if (!parts.equals(
                            List.of(value))) { // not a text that can't be converted, which Spring Boot reports itself
                        assertThat(Failures.of(context)).hasMessageStartingWith(property);
                    }
                });
    }

    /** With roll-ups and a worker; with the preset that takes names where the property is one. */
    private static ApplicationContextRunner rollupsOfOtherTables(String property) {
        ApplicationContextRunner runner = (property.startsWith("usagekit.redis.")
                        ? Contexts.withRedis()
                        : Contexts.withDataSource())
                .withPropertyValues(
                        "usagekit.calculator=rollups",
                        "usagekit.partitions.cron=-",
                        "usagekit.retention.cron=0 30 3 * * *",
                        "usagekit.retention.keep=400d",
                        "usagekit.cache=" + cache(property),
                        "usagekit.ledger.enabled=" + property.startsWith("usagekit.ledger."))
                .withConfiguration(AutoConfigurations.of(UsageMetricsAutoConfiguration.class))
                .withBean(MeterRegistry.class, SimpleMeterRegistry::new);
        if (property.startsWith("usagekit.clickhouse.")) {
            return runner.withPropertyValues(
                    "usagekit.install=never",
                    "usagekit.clickhouse.enabled=true",
                    "usagekit.clickhouse.url=jdbc:ch://127.0.0.1:1",
                    "usagekit.clickhouse.pruning.cron=0 30 4 * * *");
        }
        return property.startsWith("usagekit.tables.") && !property.endsWith(".preset") && !property.endsWith(".schema")
                ? runner.withPropertyValues("usagekit.tables.preset=custom", "usagekit.tables.schema=app")
                : runner;
    }

    private static String cache(String property) {
        if (property.startsWith("usagekit.postgres-cache.")) {
            return "postgres";
        }
        return property.startsWith("usagekit.redis.") ? "near" : "none";
    }

    @Test
    void eachPropertyHasAWrongValueAboveAndAnEntryInTheMetadata() throws IOException {
        Set<String> described = metadata("properties").stream()
                .map(entry -> String.valueOf(entry.get("name")))
                .collect(Collectors.toCollection(TreeSet::new));
        Set<String> tested = wrongValues()
                .map(arguments ->
                        String.valueOf(arguments.get()[0]).replace("payload-stored-bytes.raw", "payload-stored-bytes"))
                .collect(Collectors.toCollection(TreeSet::new));
        tested.addAll(WITHOUT_WRONG_VALUES);
        tested.addAll(TESTED_ELSEWHERE);
        assertThat(described).isEqualTo(tested);
        assertThat(metadata("properties"))
                .allSatisfy(entry -> assertThat(String.valueOf(entry.get("description")))
                        .as("description of %s", entry.get("name"))
                        .endsWith("."));
    }

    @Test
    void defaultsInTheMetadataAreThoseOfTheBuilders() throws IOException {
        Map<String, Object> defaults = new LinkedHashMap<>();
        metadata("properties").forEach(entry -> {
            Object value = entry.get("defaultValue");
            if (value != null) {
                defaults.put(String.valueOf(entry.get("name")), value);
            }
        });
        assertThat(duration(defaults, "usagekit.ttl")).isEqualTo(UsageServiceBuilder.DEFAULT_TTL);
        assertThat(duration(defaults, "usagekit.stale-if-error")).isEqualTo(UsageServiceBuilder.DEFAULT_STALE_IF_ERROR);
        assertThat(duration(defaults, "usagekit.error-back-off")).isEqualTo(UsageServiceBuilder.DEFAULT_ERROR_BACK_OFF);
        assertThat(duration(defaults, "usagekit.drain-timeout")).isEqualTo(UsageServiceBuilder.DEFAULT_DRAIN_TIMEOUT);
        assertThat(duration(defaults, "usagekit.computation-timeout"))
                .isEqualTo(UsageServiceBuilder.DEFAULT_COMPUTATION_TIMEOUT);
        assertThat(defaults)
                .containsEntry("usagekit.refresh-jitter-percent", UsageServiceBuilder.DEFAULT_REFRESH_JITTER_PERCENT)
                .containsEntry(
                        "usagekit.max-concurrent-computations", UsageServiceBuilder.DEFAULT_MAX_CONCURRENT_COMPUTATIONS)
                .containsEntry(
                        "usagekit.max-concurrent-computations-per-organisation",
                        UsageServiceBuilder.DEFAULT_MAX_CONCURRENT_COMPUTATIONS_PER_ORGANISATION)
                .containsEntry("usagekit.max-queued-computations", UsageServiceBuilder.DEFAULT_MAX_QUEUED_COMPUTATIONS)
                .containsEntry("usagekit.redis.near-maximum-size", (int) RedisUsage.DEFAULT_NEAR_MAXIMUM_SIZE);
        assertThat(duration(defaults, "usagekit.redis.command-timeout")).isEqualTo(RedisUsage.DEFAULT_COMMAND_TIMEOUT);
        assertThat(duration(defaults, "usagekit.redis.connect-timeout")).isEqualTo(RedisUsage.DEFAULT_CONNECT_TIMEOUT);
        assertThat(duration(defaults, "usagekit.redis.heartbeat")).isEqualTo(RedisUsage.DEFAULT_HEARTBEAT);
        assertThat(defaults).containsEntry("usagekit.postgres-cache.schema", PostgresCache.DEFAULT_SCHEMA);
        assertThat(duration(defaults, "usagekit.postgres-cache.timeout")).isEqualTo(PostgresCache.DEFAULT_TIMEOUT);
        assertThat(duration(defaults, "usagekit.postgres-cache.lease")).isEqualTo(SingleFlights.DEFAULT_LEASE);
        assertThat(duration(defaults, "usagekit.postgres-cache.poll-interval"))
                .isEqualTo(SingleFlights.DEFAULT_POLL_INTERVAL);
        assertThat(duration(defaults, "usagekit.postgres-cache.heartbeat")).isEqualTo(SingleFlights.DEFAULT_HEARTBEAT);
        assertThat(defaults)
                .containsEntry("usagekit.clickhouse.database", ClickHouseUsage.DEFAULT_DATABASE)
                .containsEntry("usagekit.clickhouse.cluster", ClickHouseUsage.DEFAULT_CLUSTER);
        assertThat(duration(defaults, "usagekit.clickhouse.timeout")).isEqualTo(ClickHouseUsage.DEFAULT_TIMEOUT);
        assertThat(duration(defaults, "usagekit.redis.lease")).isEqualTo(SingleFlights.DEFAULT_LEASE);
        assertThat(duration(defaults, "usagekit.redis.poll-interval")).isEqualTo(SingleFlights.DEFAULT_POLL_INTERVAL);

        String[] all = defaults.entrySet().stream()
                .map(entry -> entry.getKey() + "=" + entry.getValue())
                .toArray(String[]::new);
        Contexts.withRedis()
                .withPropertyValues(all)
                .run(context -> assertThat(context).hasNotFailed());
    }

    private static Duration duration(Map<String, Object> defaults, String property) {
        return DurationStyle.detectAndParse(String.valueOf(defaults.get(property)));
    }

    @Test
    void propertiesOfRollupsReachThem() {
        Contexts.withDataSource()
                .withPropertyValues(
                        "usagekit.calculator=rollups",
                        "usagekit.rollups.schema=sums",
                        "usagekit.rollups.delete-dependants=audit.lines,notes",
                        "usagekit.rollups.omit-missing-projects=true")
                .run(context -> assertThat(
                                context.getBean(PostgresRollups.class).schema())
                        .isEqualTo("sums"));
    }

    @Test
    void missPoliciesHaveThreeForms() {
        assertThat(ServiceSettings.missPolicy("await").limit()).isEmpty();
        assertThat(ServiceSettings.missPolicy("Pending").limit()).contains(Duration.ZERO);
        assertThat(ServiceSettings.missPolicy("200ms").limit()).contains(Duration.ofMillis(200));
        assertThat(ServiceSettings.missPolicy("PT2S").limit()).contains(Duration.ofSeconds(2));
    }

    @SuppressWarnings("unchecked")
    private static List<Map<String, Object>> metadata(String part) throws IOException {
        List<Map<String, Object>> entries = new ArrayList<>();
        for (URL file : Collections.list(
                UsageProperties.class.getClassLoader().getResources("META-INF/spring-configuration-metadata.json"))) {
            try (InputStream in = file.openStream()) {
                String json = new String(in.readAllBytes(), StandardCharsets.UTF_8);
                Object all = JsonParserFactory.getJsonParser().parseMap(json).getOrDefault(part, List.of());
                entries.addAll((List<Map<String, Object>>) all);
            }
        }
        return entries.stream()
                .filter(entry -> String.valueOf(entry.get("name")).startsWith("usagekit."))
                .toList();
    }
}
