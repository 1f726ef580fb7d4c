package io.usagekit.verification.upgrades.deployed;

import io.lettuce.core.RedisClient;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.redis.RedisUsage;
import io.usagekit.verification.upgrades.Figure;
import io.usagekit.verification.upgrades.Release;
import java.time.Duration;
import java.time.Instant;
import javax.sql.DataSource;

/** A version of the library behind the shared types. Uses only methods that the previous version and the present one have. */
public final class Deployment implements Release {

    private final String name;

    /** A version of this name. */
    public Deployment(String name) {
        this.name = name;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public String toString() {
        return name;
    }

    @Override
    public Instance start(String redisUrl, Calculation calculation) {
        return new ServiceInstance(RedisClient.create(redisUrl), calculation);
    }

    @Override
    public Tables tables(DataSource dataSource, String schema) {
        return new InstalledTables(dataSource, schema);
    }

    static Figure figure(OrganisationUsage usage) {
        return new Figure(
                usage.organisationId(),
                usage.period().label(),
                usage.received().volume(),
                usage.received().bytes(),
                usage.sent().volume(),
                usage.sent().bytes(),
                usage.createdAt().toString());
    }

    private static final class ServiceInstance implements Instance {

        private final RedisClient redis;
        private final UsageService service;

        ServiceInstance(RedisClient redis, Calculation calculation) {
            this.redis = redis;
            // A loaded machine answers late: the suites are about versions, not about timeouts.
            RedisUsage.Builder adapters = RedisUsage.builder(redis)
                    .commandTimeout(Duration.ofSeconds(5))
                    .connectTimeout(Duration.ofSeconds(20));
            this.service = UsageService.builder((key, timeout) -> compute(calculation, key))
                    .cache(adapters.buildNearCache())
                    .singleFlight(adapters.buildSingleFlight())
                    .errorBackOff(Duration.ofSeconds(20))
                    .build();
        }

        private static OrganisationUsage compute(Calculation calculation, UsageKey key) {
            long[] numbers =
                    calculation.compute(key.organisationId(), key.period().label());
            return new OrganisationUsage(
                    key,
                    new UsageMetrics(numbers[0], numbers[1]),
                    new UsageMetrics(numbers[2], numbers[3]),
                    Instant.now());
        }

        @Override
        public Figure get(String organisation, String period) {
            return figure(
                    service.get(organisation, UsagePeriod.parse(period)).usage().orElseThrow());
        }

        @Override
        public void invalidate(String organisation, String period) {
            service.invalidate(organisation, UsagePeriod.parse(period));
        }

        @Override
        public void invalidate(String organisation) {
            service.invalidate(organisation);
        }

        @Override
        public void close() {
            service.close();
            redis.shutdown(Duration.ZERO, Duration.ofSeconds(10));
        }
    }
}
