package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static io.usagekit.redis.Redis.eventually;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.output.StatusOutput;
import io.lettuce.core.protocol.CommandArgs;
import io.lettuce.core.protocol.CommandType;
import io.lettuce.core.protocol.ProtocolVersion;
import io.usagekit.UsageCache;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Redis can't send invalidation messages: the cache works as without a near cache and reports it once. */
class NearCacheRefusalIT extends NearCacheFixture {

    private static final String USER = "usagekit-test";

    @Test
    void worksWithDocumentedPermissions() {
        allow("+hello", "+ping", "+client|tracking");
        RedisClient own = RedisClient.create(user());
        try (UsageCache cache = openNear(own, entries(), HEARTBEAT, TrackingSupervisor.RETRY)) {
            write(cache, 1, 1);
            load(cache, 1);
            write(other, 1, 2);
            eventually("the new version is served", () -> get(cache, 1).equals(Optional.of(2L)));
            load(cache, 1);
        } finally {
            own.shutdown();
        }
        assertThat(notifications).isEmpty();
        assertThat(log.lines("WARN")).isEmpty();
    }

    @Test
    void worksWithoutNearCacheWhenTrackingIsNotPermitted() {
        allow("+hello", "+ping");
        RedisClient own = RedisClient.create(user());
        assertWorksWithoutANearCache(own, "NOPERM");
    }

    @Test
    void worksWithoutNearCacheOnResp2() {
        RedisClient own = RedisClient.create(server.url());
        own.setOptions(
                ClientOptions.builder().protocolVersion(ProtocolVersion.RESP2).build());
        assertWorksWithoutANearCache(own, "RESP3");
    }

    /** Permits the user the commands in the Javadoc of {@link RedisUsage}, and these. */
    private void allow(String... permissions) {
        CommandArgs<String, String> user =
                new CommandArgs<>(StringCodec.UTF8).add("SETUSER").add(USER);
        List.of("reset", "on", ">secret", "resetchannels").forEach(user::add);
        RedisPermissionsIT.PERMISSIONS.forEach(user::add);
        List.of(permissions).forEach(user::add);
        Redis.with(otherClient, redis -> redis.dispatch(CommandType.ACL, new StatusOutput<>(StringCodec.UTF8), user));
    }

    private RedisURI user() {
        return RedisURI.builder(RedisURI.create(server.url()))
                .withAuthentication(USER, "secret".toCharArray())
                .build();
    }

    private void assertWorksWithoutANearCache(RedisClient own, String reason) {
        try (UsageCache cache = openNear(own, entries(), HEARTBEAT, Duration.ofMillis(10))) {
            assertThat(notifications)
                    .singleElement()
                    .asString()
                    .startsWith("lost: ")
                    .contains(reason);
            for (long version = 1; version < 20; version++) {
                write(version % 2 == 0 ? cache : other, 1, version);
                assertThat(get(cache, 1)).contains(version);
                assertThat(near(cache, 1)).isEmpty();
            }
            await(cache.invalidate(key(1)));
            assertThat(get(cache, 1)).isEmpty();
            assertThat(notifications).hasSize(1);
        } finally {
            own.shutdown();
        }
        assertThat(log.lines("WARN")).singleElement().asString().contains(reason);
    }
}
