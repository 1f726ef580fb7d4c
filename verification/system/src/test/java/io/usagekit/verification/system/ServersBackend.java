package io.usagekit.verification.system;

import io.lettuce.core.RedisClient;
import io.lettuce.core.SetArgs;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.resource.ClientResources;
import io.lettuce.core.resource.Delay;
import io.usagekit.SingleFlight;
import io.usagekit.UsageCache;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.redis.RedisUsage;
import io.usagekit.testkit.FaultyProxy;
import io.usagekit.testkit.contract.UsageServiceContract;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import javax.sql.DataSource;

/** Real Redis behind a link that can be cut, and tables in real PostgreSQL. */
class ServersBackend implements UsageServiceContract.Backend {

    private static final String SCHEMA = "states";

    /** One for all cells: opening it takes longer than walking one. */
    private static final ClientResources RESOURCES = ClientResources.builder()
            .reconnectDelay(Delay.constant(Duration.ofMillis(50)))
            .build();

    // One for all cells as well.
    static {
        PostgresUsage.install(TestServers.POSTGRES.dataSource(), TestServers.without(SCHEMA));
    }

    private final DataSource dataSource = TestServers.POSTGRES.dataSource();
    private final FaultyProxy link;
    private final RedisClient client;
    private final RedisClient direct = RedisClient.create(RESOURCES, TestServers.REDIS.url());
    private final AtomicLong elapsed = new AtomicLong();
    private int events;

    ServersBackend() {
        URI server = URI.create(TestServers.REDIS.url());
        link = FaultyProxy.to(server.getHost(), server.getPort());
        client = RedisClient.create(RESOURCES, "redis://" + link.host() + ":" + link.port());
        ask(redis -> redis.flushall());
        TestServers.execute("truncate states.projects, states.events, states.event_deliveries");
    }

    private <T> T ask(Function<RedisCommands<String, String>, T> question) {
        try (StatefulRedisConnection<String, String> connection = direct.connect()) {
            return question.apply(connection.sync());
        }
    }

    /** With patience: a loaded machine isn't an outage. */
    final RedisUsage.Builder redis() {
        return RedisUsage.builder(client).commandTimeout(Duration.ofSeconds(2)).connectTimeout(Duration.ofSeconds(20));
    }

    /** A back-off is over when a case says so, however long a thread of it is stalled. */
    @Override
    public UsageServiceBuilder builder(UsageCalculator calculator) {
        return UsageService.builder(calculator).ticker(elapsed::get);
    }

    @Override
    public void elapse(Duration duration) {
        elapsed.addAndGet(duration.toNanos());
    }

    @Override
    public UsageCalculator calculator() {
        return PostgresUsage.calculator(dataSource, TableMapping.usagekit(SCHEMA));
    }

    @Override
    public void received(String organisationId, Instant at, int bytes) {
        String id = "e" + events++;
        try (Connection connection = dataSource.getConnection();
                PreparedStatement project = connection.prepareStatement(
                        "insert into states.projects (id, organisation_id) values (?, ?) on conflict do nothing");
                PreparedStatement event = connection.prepareStatement("insert into states.events (id, project_id, raw,"
                        + " created_at) values (?, ?, repeat('x', ?), ?)")) {
            project.setString(1, organisationId);
            project.setString(2, organisationId);
            project.execute();
            event.setString(1, id);
            event.setString(2, organisationId);
            event.setInt(3, bytes);
            event.setObject(4, at.atOffset(ZoneOffset.UTC));
            event.execute();
        } catch (SQLException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public UsageCache openCache() {
        return redis().build();
    }

    @Override
    public SingleFlight openSingleFlight() {
        return redis().buildSingleFlight();
    }

    @Override
    public void disconnectCache() {
        link.cut();
    }

    @Override
    public void expireLeases() {
        ask(redis -> redis.del(redis.keys("usage:lock:*").toArray(String[]::new)));
    }

    @Override
    public void corruptEntry(UsageKey key) {
        ask(redis -> redis.set(entry(key), "v0 something else", SetArgs.Builder.px(600_000)));
    }

    @Override
    public boolean holdsEntry(UsageKey key) {
        return ask(redis -> redis.exists(entry(key))) == 1;
    }

    private static String entry(UsageKey key) {
        return "usage:" + URLEncoder.encode(key.organisationId(), StandardCharsets.UTF_8) + ":"
                + key.period().canonicalLabel();
    }

    @Override
    public void close() {
        client.shutdown();
        direct.shutdown();
        link.close();
    }
}
