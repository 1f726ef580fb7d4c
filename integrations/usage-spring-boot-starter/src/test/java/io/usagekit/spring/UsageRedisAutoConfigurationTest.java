package io.usagekit.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.SingleFlight;
import io.usagekit.UsageCache;
import io.usagekit.UsageService;
import java.lang.reflect.Proxy;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.data.redis.connection.RedisClusterConfiguration;
import org.springframework.data.redis.connection.RedisConnectionFactory;
import org.springframework.data.redis.connection.RedisStaticMasterReplicaConfiguration;
import org.springframework.data.redis.connection.lettuce.LettuceConnectionFactory;

/** The cache by the properties and the host's connection factory. Redis is down: a cache opens all the same. */
class UsageRedisAutoConfigurationTest {

    @Test
    void aConnectionFactoryHasANearCacheAndTheFleetsSingleFlight() {
        Contexts.withRedis().run(context -> {
            assertThat(context).hasSingleBean(SingleFlight.class).hasSingleBean(UsageService.class);
            assertThat(context.getBean(UsageCache.class).stats().nearSize()).isPresent();
        });
    }

    @Test
    void theCacheMayBeWithoutMemory() {
        Contexts.withRedis().withPropertyValues("usagekit.cache=shared").run(context -> {
            assertThat(context).hasSingleBean(SingleFlight.class);
            assertThat(context.getBean(UsageCache.class).stats().nearSize()).isEmpty();
        });
    }

    @Test
    void noCacheMeansNoSingleFlightOfTheFleetEither() {
        Contexts.withRedis()
                .withPropertyValues("usagekit.cache=none")
                .run(context -> assertThat(context)
                        .hasSingleBean(UsageService.class)
                        .doesNotHaveBean(UsageCache.class)
                        .doesNotHaveBean(SingleFlight.class));
    }

    @Test
    void eachProcessMayComputeForItself() {
        for (String spelling : List.of("in-process", "IN_PROCESS", "inprocess")) {
            Contexts.withRedis()
                    .withPropertyValues("usagekit.single-flight=" + spelling)
                    .run(context ->
                            assertThat(context).hasSingleBean(UsageCache.class).doesNotHaveBean(SingleFlight.class));
        }
    }

    @Test
    void aHostWithoutSpringDataHasNoCache() {
        Contexts.withDataSource()
                .withClassLoader(new FilteredClassLoader("org.springframework.data.redis"))
                .run(context ->
                        assertThat(context).hasSingleBean(UsageService.class).doesNotHaveBean(UsageCache.class));
    }

    /** It may have Redis by another driver, for purposes of its own. */
    @Test
    void aHostWithoutLettuceHasNoCache() {
        Contexts.withRedis()
                .withClassLoader(new FilteredClassLoader("io.lettuce"))
                .run(context ->
                        assertThat(context).hasSingleBean(UsageService.class).doesNotHaveBean(UsageCache.class));
    }

    @Test
    void aCacheThatIsAskedForWithoutAConnectionFactoryFailsTheStart() {
        expectFailure(
                Contexts.withDataSource().withPropertyValues("usagekit.cache=near"),
                "usagekit.cache is near, but there is no bean of type RedisConnectionFactory");
        expectFailure(
                Contexts.withDataSource().withPropertyValues("usagekit.cache=shared"), "usagekit.cache is shared");
    }

    @Test
    void aSingleFlightOfTheFleetThatIsAskedForWithoutItsCacheFailsTheStart() {
        expectFailure(
                Contexts.withRedis().withPropertyValues("usagekit.cache=none", "usagekit.single-flight=fleet-wide"),
                "usagekit.single-flight is fleet-wide, but there is no bean of type SingleFlight");
    }

    @Test
    void anotherDriverThanLettuceIsRefused() {
        RedisConnectionFactory other = (RedisConnectionFactory) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {RedisConnectionFactory.class}, (proxy, method, args) -> {
                    throw new UnsupportedOperationException(method.getName());
                });
        expectFailure(
                with(other),
                "needs Lettuce, but the RedisConnectionFactory is a "
                        + other.getClass().getName());
    }

    @Test
    void aClusterHasANearCacheAndTheFleetsSingleFlight() {
        with(new LettuceConnectionFactory(new RedisClusterConfiguration(List.of("127.0.0.1:1"))))
                .withPropertyValues("usagekit.redis.connect-timeout=100ms")
                .run(context -> {
                    assertThat(context).hasSingleBean(SingleFlight.class);
                    assertThat(context.getBean(UsageCache.class).stats().nearSize())
                            .isPresent();
                });
    }

    @Test
    void replicasByAddressAreRefused() {
        RedisStaticMasterReplicaConfiguration replicas = new RedisStaticMasterReplicaConfiguration("127.0.0.1", 1);
        replicas.addNode("127.0.0.1", 2);
        expectFailure(with(new LettuceConnectionFactory(replicas)), "usagekit.redis", "address");
    }

    @Test
    void severalConnectionFactoriesAreRefused() {
        expectFailure(
                Contexts.withRedis().withBean("other", RedisConnectionFactory.class, Contexts::unreachableRedis),
                "needs one RedisConnectionFactory, but there are several");
    }

    private static ApplicationContextRunner with(RedisConnectionFactory factory) {
        return Contexts.withDataSource()
                .withBean("redisConnectionFactory", RedisConnectionFactory.class, () -> factory);
    }

    private static void expectFailure(ApplicationContextRunner runner, String... parts) {
        runner.run(context -> assertThat(Failures.of(context)).hasMessageContainingAll(parts));
    }
}
