package io.usagekit.cli.support;

import com.clickhouse.jdbc.DataSourceImpl;
import io.usagekit.clickhouse.ClickHouseUsage;
import java.util.Objects;
import java.util.Optional;
import java.util.Properties;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Which ClickHouse cluster, and which database on it. */
public final class ClickHouseOptions {

    private static final String PASSWORD_VARIABLE = "CLICKHOUSE_PASSWORD";

    /** For connecting and for the first answer; each statement has a limit of its own. */
    private static final String CONNECT_MILLIS = "15000";

    @Spec(Spec.Target.MIXEE)
    private @Nullable CommandSpec command;

    @Option(
            names = "--clickhouse-url",
            paramLabel = "URL",
            description =
                    "A server of the ClickHouse cluster: jdbc:ch://host:port; may carry user and password, which is"
                            + " otherwise that of the environment variable " + PASSWORD_VARIABLE + ".")
    private @Nullable String url;

    @Option(
            names = "--clickhouse-database",
            paramLabel = "NAME",
            description = "The database of its tables; ${DEFAULT-VALUE} by default.")
    private String database = ClickHouseUsage.DEFAULT_DATABASE;

    @Option(
            names = "--clickhouse-cluster",
            paramLabel = "NAME",
            description = "The cluster, as system.clusters names it; ${DEFAULT-VALUE} by default.")
    private String cluster = ClickHouseUsage.DEFAULT_CLUSTER;

    public boolean isGiven() {
        return url != null;
    }

    /**
     * The tables on that cluster, which isn't connected to yet.
     *
     * @throws ParameterException if no URL is given
     * @throws IllegalArgumentException if the URL isn't one; the message doesn't quote it, since it may hold a password
     */
    public ClickHouseUsage usage() {
        return builder().build();
    }

    /** Returns what builds the same. */
    public ClickHouseUsage.Builder builder() {
        if (url == null) {
            CommandSpec spec = Objects.requireNonNull(command);
            throw new ParameterException(spec.commandLine(), "Missing required option: '--clickhouse-url=URL'");
        }
        if (!url.matches("jdbc:(ch|clickhouse):.+")) {
            throw new IllegalArgumentException(
                    "--clickhouse-url must look like jdbc:ch://host:port?user=name&password=secret");
        }
        return ClickHouseUsage.builder(new DataSourceImpl(url, defaults(url)))
                .database(database)
                .cluster(cluster);
    }

    /** Properties of the driver that the URL doesn't name. */
    private static Properties defaults(String url) {
        Properties defaults = new Properties();
        defaults.setProperty("connection_timeout", CONNECT_MILLIS);
        defaults.setProperty("socket_timeout", CONNECT_MILLIS);
        Optional.ofNullable(System.getenv(PASSWORD_VARIABLE))
                .ifPresent(password -> defaults.setProperty("password", password));
        defaults.keySet().removeIf(name -> url.contains(name + "="));
        return defaults;
    }
}
