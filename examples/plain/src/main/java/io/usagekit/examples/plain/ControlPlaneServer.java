package io.usagekit.examples.plain;

import com.sun.net.httpserver.HttpServer;
import com.zaxxer.hikari.HikariDataSource;
import io.lettuce.core.RedisClient;
import io.usagekit.MissPolicy;
import io.usagekit.UsageService;
import io.usagekit.page.TableProjects;
import io.usagekit.page.UsageDetails;
import io.usagekit.page.UsagePage;
import io.usagekit.page.UsagePageHandler;
import io.usagekit.page.UsageRows;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.rows.PostgresRows;
import io.usagekit.redis.RedisUsage;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;

/** A control plane without a framework. Serves its members from its construction to {@link #close}. */
public final class ControlPlaneServer implements AutoCloseable {

    private static final int THREADS = 16;
    private static final Duration TIMEOUT = Duration.ofSeconds(5);

    private final HttpServer server;
    private final ExecutorService requests = Executors.newFixedThreadPool(THREADS);
    private final ScheduledExecutorService scheduler = Executors.newSingleThreadScheduledExecutor();
    private final HikariDataSource dataSource = new HikariDataSource();
    private final RedisClient redis;
    private final RollupWorker worker;
    private final UsageService usage;

    /**
     * Starts it, on the loopback interface.
     *
     * @param port 0 for any that is free
     * @throws IOException if the port is taken
     */
    public ControlPlaneServer(String jdbcUrl, String redisUrl, int port) throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        dataSource.setJdbcUrl(jdbcUrl);
        dataSource.setConnectionTimeout(Duration.ofSeconds(1).toMillis());
        redis = RedisClient.create(redisUrl);
        TableMapping tables = TableMapping.usagekit();
        // tag::quote
        PostgresUsage.install(dataSource, TableMapping.DEFAULT_SCHEMA);
        PostgresRollups rollups = PostgresRollups.of(dataSource, tables);
        rollups.install();
        worker = rollups.worker().build();
        worker.start(scheduler, Duration.ofSeconds(10));
        RedisUsage.Builder shared = RedisUsage.builder(redis);
        usage = UsageService.builder(rollups.calculator())
                .cache(shared.buildNearCache())
                .singleFlight(shared.buildSingleFlight())
                .missPolicy(MissPolicy.awaitUpTo(Duration.ofSeconds(2)))
                .drainTimeout(Duration.ofSeconds(30))
                .build();
        // end::quote
        UsagePage page = UsagePage.builder(usage)
                .details(UsageDetails.of(rollups, TIMEOUT))
                .rows(UsageRows.of(PostgresRows.of(dataSource, tables)))
                .projects(new TableProjects(dataSource, TableMapping.DEFAULT_SCHEMA))
                .build();
        Members members = new Members();
        server.createContext("/organisations/", new UsageEndpoint(usage, rollups, TIMEOUT))
                .setAuthenticator(members);
        server.createContext(page.basePath() + "/", new UsagePageHandler(page, Members::mayRead))
                .setAuthenticator(members);
        server.createContext("/health", new HealthEndpoint(usage, rollups));
        server.setExecutor(requests);
        server.start();
    }

    /** Where it listens: {@code http://127.0.0.1:8080}. */
    public URI url() {
        InetSocketAddress address = server.getAddress();
        return URI.create("http://" + address.getAddress().getHostAddress() + ":" + address.getPort());
    }

    /**
     * Accepts no more requests, finishes those in progress, stores the figures that are being computed, and releases what it has opened. Takes
     * the whole time that requests may take where the JDK is older than 21, even if there are none.
     */
    @Override
    public void close() {
        worker.close();
        scheduler.shutdown();
        server.stop((int) TIMEOUT.toSeconds());
        requests.shutdown();
        usage.close();
        redis.close();
        dataSource.close();
    }
}
