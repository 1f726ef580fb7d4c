package io.usagekit.servers;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * A ClickHouse cluster for tests.
 *
 * <p>{@link #start()} takes the one that the environment variable {@value #URL_VARIABLE} names, or else starts two shards from the library
 * that {@code .ci/run} installs by npm. Suites that kill a shard start their own: {@link EmbeddedClickHouseCluster#start}.
 *
 * @since 0.1
 */
public interface ClickHouseCluster extends AutoCloseable {

    /**
     * Names a cluster that is running already, by a JDBC URL for each shard with user and password, separated by blanks; databases may be
     * created and dropped there.
     */
    String URL_VARIABLE = "USAGEKIT_TEST_CLICKHOUSE_URL";

    /** Names that cluster as its {@code system.clusters} has it; {@code default} where it isn't set. */
    String NAME_VARIABLE = "USAGEKIT_TEST_CLICKHOUSE_CLUSTER";

    /** Names the file {@code libchdb.so}, where it isn't in the user's cache. */
    String LIBRARY_VARIABLE = "USAGEKIT_CHDB_LIBRARY";

    /** The version of chDB that is installed there; {@code .ci/run} reads it here. */
    String CHDB_VERSION = "26.7.3";

    /** Its name in {@code system.clusters}. */
    String name();

    /** JDBC URL of each shard. */
    List<String> jdbcUrls();

    /** Stops it, unless it was running already. */
    @Override
    void close();

    /** Whether {@link #start()} finds one on this machine. */
    static boolean isAvailable() {
        return !named().isEmpty() || isInstalled();
    }

    /** Whether the library is on this machine, so that suites may start shards of their own. */
    static boolean isInstalled() {
        return Files.isReadable(library());
    }

    /** Prints that a suite is skipped; returns why. */
    static String announceSkipped(Class<?> suite) {
        String missing = missing();
        System.out.println("SKIPPED " + suite.getSimpleName() + ": " + missing);
        return missing;
    }

    /** Returns what is missing where {@link #isInstalled} is false, and how to install it. */
    static String missing() {
        return "no ClickHouse on this machine: there is no " + library()
                + "; on Linux x86_64 install it (543 MB) by: npm"
                + " install --prefix " + cache() + " --no-save @chdb/lib-linux-x64-gnu@" + CHDB_VERSION
                + "-stable.1, or name the file by " + LIBRARY_VARIABLE;
    }

    /**
     * The cluster that the environment names, once no other JVM uses it, or two shards on free ports.
     *
     * @throws IllegalStateException if neither is on this machine; ask {@link #isAvailable()} first
     */
    static ClickHouseCluster start() {
        if (named().isEmpty()) {
            return EmbeddedClickHouseCluster.start(2);
        }
        RunningServers.reserve();
        return new External(System.getenv().getOrDefault(NAME_VARIABLE, "default"), named());
    }

    /** The library's file, whether it exists or not. */
    static Path library() {
        String named = System.getenv(LIBRARY_VARIABLE);
        return named == null || named.isBlank()
                ? cache().resolve("node_modules/@chdb/lib-linux-x64-gnu/libchdb.so")
                : Path.of(named);
    }

    private static Path cache() {
        return Path.of(System.getProperty("user.home"), ".cache/usagekit/chdb-" + CHDB_VERSION);
    }

    private static List<String> named() {
        return Stream.of(System.getenv().getOrDefault(URL_VARIABLE, "").split("\\s+"))
                .filter(url -> !url.isBlank())
                .toList();
    }

    /** Somebody else's cluster. */
    record External(String name, List<String> jdbcUrls) implements ClickHouseCluster {
        @Override
        public void close() {}
    }
}
