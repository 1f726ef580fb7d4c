package io.usagekit.cli.support;

import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.postgresql.ds.PGSimpleDataSource;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Which database, as whom, and which schema in it. */
public final class DatabaseOptions {

    /** For connecting, TLS and authentication together; the driver's own limit ends with the TCP connection. */
    private static final int LOGIN_TIMEOUT_SECONDS = 15;

    private static final String PASSWORD_VARIABLE = "PGPASSWORD";

    @Spec(Spec.Target.MIXEE)
    private @Nullable CommandSpec command;

    @Option(
            names = "--jdbc-url",
            paramLabel = "URL",
            description = "The database: jdbc:postgresql://host:port/database; may carry user and password.")
    private @Nullable String jdbcUrl;

    @Option(names = "--user", paramLabel = "NAME", description = "The database user, if the URL doesn't name one.")
    private @Nullable String user;

    @Option(
            names = "--password",
            paramLabel = "PASSWORD",
            arity = "0..1",
            fallbackValue = "",
            description = "Its password; asked for if no value is given; by default the URL's, or that of the"
                    + " environment variable " + PASSWORD_VARIABLE + ".")
    private @Nullable String password;

    @Option(names = "--schema", paramLabel = "NAME", description = "The schema of the tables.")
    private @Nullable String schema;

    private @Nullable PGSimpleDataSource dataSource;

    public boolean isGiven() {
        return jdbcUrl != null;
    }

    public String schemaOr(String fallback) {
        return schema().orElse(fallback);
    }

    public Optional<String> schema() {
        return Optional.ofNullable(schema);
    }

    /**
     * Connections to that database, no pool, the same ones at each call. It isn't connected to yet.
     *
     * @throws ParameterException if no URL is given
     * @throws IllegalArgumentException if the URL isn't one; the message doesn't quote it, since it may hold a password
     */
    public PGSimpleDataSource dataSource() {
        if (dataSource == null) {
            dataSource = open();
        }
        return dataSource;
    }

    private PGSimpleDataSource open() {
        PGSimpleDataSource dataSource = connectingTo(url());
        Optional.ofNullable(user).ifPresent(dataSource::setUser);
        if (password != null) {
            dataSource.setPassword(
                    password.isEmpty() ? Passwords.ask(spec().commandLine().getErr()) : password);
        } else if (dataSource.getPassword() == null) {
            dataSource.setPassword(System.getenv(PASSWORD_VARIABLE));
        }
        return dataSource;
    }

    /** Connections to the database that this URL names. */
    public static PGSimpleDataSource connectingTo(String url) {
        PGSimpleDataSource dataSource = new BoundedDataSource();
        try {
            dataSource.setURL(url);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "--jdbc-url must look like jdbc:postgresql://host:port/database?user=name&password=secret");
        }
        dataSource.setApplicationName("usage");
        if (dataSource.getLoginTimeout() == 0) {
            dataSource.setLoginTimeout(LOGIN_TIMEOUT_SECONDS);
        }
        return dataSource;
    }

    private String url() {
        if (jdbcUrl == null) {
            throw new ParameterException(spec().commandLine(), "Missing required option: '--jdbc-url=URL'");
        }
        return jdbcUrl;
    }

    private CommandSpec spec() {
        return Objects.requireNonNull(command);
    }
}
