package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.output.StatusOutput;
import io.lettuce.core.protocol.CommandArgs;
import io.lettuce.core.protocol.CommandType;
import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.Publication;
import io.usagekit.UsageCache;
import java.time.Duration;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A user who may not use some commands: what needs them is done in another way or left out, and said once. */
class RefusedCommandsIT extends RedisOutageFixture {

    private RedisClient restricted;

    @BeforeEach
    void createUser() {
        allow("on", ">secret", "~*", "&*", "+@all");
        restricted = RedisClient.create(RedisURI.builder(RedisURI.create(server.url()))
                .withAuthentication("usage", "secret".toCharArray())
                .build());
    }

    @AfterEach
    void shutDown() {
        restricted.shutdown(0, 1, TimeUnit.SECONDS);
    }

    private void allow(String... rules) {
        CommandArgs<String, String> user =
                new CommandArgs<>(StringCodec.UTF8).add("SETUSER").add("usage");
        for (String rule : rules) {
            user.add(rule);
        }
        Redis.with(client, redis -> redis.dispatch(CommandType.ACL, new StatusOutput<>(StringCodec.UTF8), user));
    }

    @Test
    void storesFiguresAndReportsOnceThatWakeUpsArentPublished() {
        allow("-publish");
        try (UsageCache cache = Redis.patient(restricted);
                FlightStore store = Redis.patientStore(restricted)) {
            for (int i = 0; i < 3; i++) {
                long fence = acquire(store, i);
                assertThat(await(store.publish(key(i), "token", fence, aged(i), TIME_TO_LIVE)))
                        .isInstanceOf(Publication.Stored.class);
                assertThat(await(cache.get(key(i))).map(AgedUsage::usage)).contains(figure(i));
                await(i == 0 ? cache.invalidate(key(i)) : store.invalidate(key(i)));
                assertThat(await(cache.get(key(i)))).isEmpty();
                acquire(store, i);
                await(store.release(key(i), "token"));
                acquire(store, i);
                await(store.fail(key(i), "token", "reason", Duration.ofMillis(1)));
            }
            assertThat(log.lines("WARN"))
                    .singleElement()
                    .asString()
                    .contains("refuses to publish wake-ups", "correct the settings", "publish");

            allow("+publish");
            await(store.invalidate(key(1)));
            await(cache.invalidate(key(1)));
        }
        assertThat(log.lines("WARN")).hasSize(1);
        assertThat(log.lines("INFO")).singleElement().asString().contains("publishes wake-ups again");
    }

    private static AgedUsage aged(int i) {
        return new AgedUsage(figure(i), Duration.ZERO);
    }

    private static long acquire(FlightStore store, int i) {
        Acquisition acquisition = await(store.acquire(
                key(i),
                new FlightStore.LeaseRequest("token", Duration.ofMinutes(1), Duration.ZERO, OptionalLong.empty())));
        assertThat(acquisition).isInstanceOf(Acquisition.Acquired.class);
        return ((Acquisition.Acquired) acquisition).fence();
    }
}
