package io.usagekit.examples.plain;

import io.usagekit.servers.EmbeddedPostgresServer;
import io.usagekit.servers.EmbeddedRedisServer;
import io.usagekit.servers.ExampleEvents;
import java.io.IOException;
import java.time.YearMonth;
import java.time.ZoneOffset;

/** The control plane on a PostgreSQL and a Redis that it starts, with events to look at, until Ctrl-C. Arguments: the port, 8080 by default. */
public final class LocalControlPlane {

    private static final int PORT = 8080;

    private LocalControlPlane() {}

    /** Starts it, and prints where it listens. */
    public static void main(String... args) throws IOException {
        EmbeddedPostgresServer postgres = EmbeddedPostgresServer.start();
        EmbeddedRedisServer redis = EmbeddedRedisServer.start();
        ControlPlaneServer controlPlane = new ControlPlaneServer(
                postgres.jdbcUrl(), redis.url(), args.length == 0 ? PORT : Integer.parseInt(args[0]));
        postgres.keepUntilClosed();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            controlPlane.close();
            postgres.close();
        }));
        ExampleEvents.addTo(postgres.dataSource());
        System.out.println("The usage page: " + controlPlane.url() + "/usage/org-01 (user ada, password secret). Try:");
        System.out.println("  curl -u ada:secret '" + controlPlane.url() + "/organisations/org-01/usage?period="
                + YearMonth.now(ZoneOffset.UTC) + "'");
    }
}
