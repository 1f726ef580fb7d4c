package io.usagekit.cli.commands;

import io.lettuce.core.RedisClient;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import io.usagekit.cli.support.ClickHouseOptions;
import io.usagekit.cli.support.DatabaseOptions;
import io.usagekit.cli.support.MappingOptions;
import io.usagekit.cli.support.PeriodOptions;
import io.usagekit.cli.support.RedisClients;
import io.usagekit.cli.support.Specs;
import io.usagekit.cli.support.UsageTables;
import io.usagekit.cli.support.Version;
import io.usagekit.clickhouse.ClickHouseUsage;
import io.usagekit.format.UsageResponseFormatter;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Answers one question. */
@Command(
        name = "get",
        description = "Prints what an organisation has used in a period.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
public final class GetCommand implements Callable<Integer> {

    /** What the answer looks like. */
    enum Format {
        JSON,
        TABLE;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    @Spec
    private @Nullable CommandSpec spec;

    @Mixin
    private DatabaseOptions database = new DatabaseOptions();

    @Mixin
    private MappingOptions mapping = new MappingOptions();

    @Mixin
    private PeriodOptions period = new PeriodOptions();

    @Option(
            names = "--redis-url",
            paramLabel = "URL",
            description = "What processes share, so that one of them computes and the others find it:"
                    + " redis://user:password@host:port/database; nothing by default.")
    private @Nullable String redisUrl;

    @Option(names = "--organisation", required = true, paramLabel = "ID", description = "Whose usage.")
    private String organisation = "";

    @Option(
            names = "--format",
            paramLabel = "FORMAT",
            description = "One of ${COMPLETION-CANDIDATES}; ${DEFAULT-VALUE} by default.")
    private Format format = Format.JSON;

    @Option(names = "--rollups", description = "Takes what is rolled from roll-ups, if there are any.")
    private boolean rollups;

    @Mixin
    private ClickHouseOptions clickHouse = new ClickHouseOptions();

    @Option(names = "--freshness", description = "Says how fresh the figure is.")
    private boolean freshness;

    @Override
    public Integer call() {
        UsageKey key = new UsageKey(organisation, period.period());
        Optional<ClickHouseUsage> cells = clickHouse.isGiven() ? Optional.of(clickHouse.usage()) : Optional.empty();
        DataSource dataSource = database.dataSource();
        Optional<TableMapping> named = mapping.named(database);
        // Looks at the database only if the cache has nothing.
        UsageCalculator calculator = (asked, timeout) -> calculator(
                        cells, dataSource, named.orElseGet(() -> mapping.in(dataSource, database)))
                .calculate(asked, timeout);
        UsageServiceBuilder service = UsageService.builder(calculator);
        print(redisUrl == null ? ask(service, key) : askShared(service, key, redisUrl));
        return ExitCode.OK;
    }

    private UsageCalculator calculator(Optional<ClickHouseUsage> cells, DataSource dataSource, TableMapping mapping) {
        if (cells.isPresent()) {
            return cells.get()
                    .calculator(PostgresRollups.of(dataSource, mapping).feed());
        }
        return rollups
                ? PostgresRollups.of(dataSource, mapping).calculator()
                : PostgresUsage.calculator(dataSource, mapping);
    }

    private static UsageResult askShared(UsageServiceBuilder service, UsageKey key, String url) {
        RedisClient redis = RedisClients.of(url);
        try {
            return ask(RedisClients.share(service, RedisClients.builder(redis)), key);
        } finally {
            redis.shutdown();
        }
    }

    private static UsageResult ask(UsageServiceBuilder service, UsageKey key) {
        try (UsageService usage = service.build()) {
            return usage.get(key.organisationId(), key.period());
        }
    }

    private void print(UsageResult result) {
        UsageResponseFormatter plain = UsageResponseFormatter.enveloped();
        UsageResponseFormatter formatter = freshness ? plain.withFreshness() : plain;
        Specs.out(spec)
                .println(format == Format.JSON ? formatter.toJson(result) : UsageTables.answer(result, freshness));
    }
}
