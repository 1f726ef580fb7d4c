package io.usagekit.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import redis.embedded.core.ExecutableProvider;

/**
 * The executable of a Redis server. The class path has Redis 6.2; the environment variable {@value #VARIABLE} names another one, which all
 * suites use then; what a system's package has installed serves tests that need Redis 7.
 *
 * @since 0.1
 */
public final class RedisExecutable {

    /** Names an executable that all servers are started from, e.g. {@code /usr/bin/redis-server} or {@code /usr/bin/valkey-server}. */
    public static final String VARIABLE = "USAGEKIT_TEST_REDIS_EXECUTABLE";

    private static final String MISSING = "no Redis 7 or later on this machine (apt-get install redis-server)";
    private static final int OLDEST = 7;
    private static final Pattern VERSION = Pattern.compile("\\bv=(\\d+)\\.");

    private RedisExecutable() {}

    /** Returns the one that the environment names, or that of the class path. */
    static Path ofEnvironment() {
        return named().orElseGet(RedisExecutable::ofClassPath);
    }

    private static Path ofClassPath() {
        try {
            return ExecutableProvider.newJarResourceProvider().get().toPath();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Optional<Path> named() {
        return Optional.ofNullable(System.getenv(VARIABLE))
                .filter(name -> !name.isBlank())
                .map(Path::of);
    }

    /** Returns a server of Redis 7 or later, or of Valkey: the one that the environment names, or that is on the path; empty if there is none. */
    public static Optional<Path> modern() {
        Stream<Path> installed = Stream.of(
                        System.getenv().getOrDefault("PATH", "").split(":"))
                .flatMap(place -> Stream.of("redis-server", "valkey-server").map(Path.of(place)::resolve));
        return Stream.concat(named().stream(), installed)
                .filter(Files::isExecutable)
                .filter(executable -> version(executable) >= OLDEST)
                .findFirst();
    }

    /** Prints that a suite is skipped where there is no {@link #modern} one; returns why. */
    public static String announceSkipped(Class<?> suite) {
        System.out.println("SKIPPED " + suite.getSimpleName() + ": " + MISSING);
        return MISSING;
    }

    private static int version(Path executable) {
        try {
            Process process = new ProcessBuilder(executable.toString(), "--version").start();
            Matcher version =
                    VERSION.matcher(new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
            return version.find() ? Integer.parseInt(version.group(1)) : 0;
        } catch (IOException e) {
            return 0; // e.g. of another architecture
        }
    }
}
