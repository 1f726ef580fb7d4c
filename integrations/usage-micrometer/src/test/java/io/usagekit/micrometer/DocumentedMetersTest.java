package io.usagekit.micrometer;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.usagekit.UsageService;
import io.usagekit.postgres.PostgresCache;
import io.usagekit.testkit.InMemoryUsageCalculator;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/** The table of meters in {@code docs/metrics.md} has the type, the tags and the unit of each meter, and each value of a tag. */
class DocumentedMetersTest {

    private static final Path PAGE = Path.of("..", "..", "docs", "metrics.md");
    private static final Pattern ROW =
            Pattern.compile("\\| `(usagekit[a-z.]+)` \\| ([a-z]+) \\| ([a-z`, ]*) ?\\| ([a-z]*) ?\\| (.*) \\|");

    private record Row(String type, Set<String> tags, String unit) {}

    private static SimpleMeterRegistry everything() {
        SimpleMeterRegistry registry = new SimpleMeterRegistry();
        UsageMeters meters = UsageMeters.of(registry);
        RollupMeters.of(registry);
        PartitionMeters.of(registry);
        FeedMeters.of(registry);
        HistoryMeters.of(registry);
        DataSource unused = (DataSource) Proxy.newProxyInstance(
                DataSource.class.getClassLoader(), new Class<?>[] {DataSource.class}, (proxy, method, arguments) -> {
                    throw new UnsupportedOperationException(method.getName());
                });
        PostgresCacheMeters.of(registry).bind(PostgresCache.of(unused, task -> {}));
        try (UsageService service =
                UsageService.builder(InMemoryUsageCalculator.create()).build()) {
            meters.bind(service);
        }
        return registry;
    }

    private static String type(Meter meter) {
        return switch (meter.getId().getType()) {
            case COUNTER -> "counter";
            case TIMER -> "timer";
            case DISTRIBUTION_SUMMARY -> "summary";
            case GAUGE -> "gauge";
            case LONG_TASK_TIMER, OTHER -> "other";
        };
    }

    @Test
    void eachMeterIsDocumented() throws IOException {
        Map<String, Row> documented = new TreeMap<>();
        ROW.matcher(Files.readString(PAGE))
                .results()
                .forEach(row -> documented.put(row.group(1), new Row(row.group(2), names(row.group(3)), row.group(4))));

        Map<String, Row> registered = new TreeMap<>();
        for (Meter meter : everything().getMeters()) {
            Meter.Id id = meter.getId();
            registered.put(
                    id.getName(),
                    new Row(
                            type(meter),
                            id.getTags().stream().map(Tag::getKey).collect(Collectors.toCollection(TreeSet::new)),
                            Objects.requireNonNullElse(id.getBaseUnit(), "")));
        }
        assertThat(documented).isEqualTo(registered);
    }

    private static Set<String> names(String code) {
        return Pattern.compile("[a-z.]+")
                .matcher(code)
                .results()
                .map(name -> name.group())
                .collect(Collectors.toCollection(TreeSet::new));
    }

    @Test
    void eachValueOfATagIsNamed() throws IOException {
        String page = Files.readString(PAGE);
        List<Tag> tags = everything().getMeters().stream()
                .flatMap(meter -> meter.getId().getTags().stream())
                .distinct()
                .toList();

        assertThat(tags).isNotEmpty().allSatisfy(tag -> {
            assertThat(tag.getValue()).isEqualTo(tag.getValue().toLowerCase(Locale.ROOT));
            assertThat(page).contains("`" + tag.getValue() + "`");
        });
    }
}
