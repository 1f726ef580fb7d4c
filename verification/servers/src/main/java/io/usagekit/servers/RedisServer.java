package io.usagekit.servers;

/**
 * A Redis server for tests.
 *
 * <p>{@link #start()} takes the one that the environment variable {@value #URL_VARIABLE} names (its keys are the tests' to
 * write and to flush), or else starts an embedded one. {@link #startContainer(String)} starts an official image, where there
 * is a Docker engine.
 *
 * @since 0.1
 */
public interface RedisServer extends AutoCloseable {

    /** Names a server that is running already. */
    String URL_VARIABLE = "USAGEKIT_TEST_REDIS_URL";

    /** Where it listens: {@code redis://host:port}. */
    String url();

    /** Stops it, unless it was running already. */
    @Override
    void close();

    /** The server that the environment names, once no other JVM uses it, or an embedded one on a free port. */
    static RedisServer start() {
        String url = System.getenv(URL_VARIABLE);
        if (url == null || url.isBlank()) {
            return EmbeddedRedisServer.start();
        }
        RunningServers.reserve();
        return new External(url);
    }

    /**
     * An official image, e.g. {@code redis:8}.
     *
     * @throws IllegalStateException if there is no Docker engine; ask {@link Docker#isAvailable()} first
     */
    static RedisServer startContainer(String image) {
        return RedisContainer.start(image);
    }

    /** Somebody else's server. */
    record External(String url) implements RedisServer {
        @Override
        public void close() {}
    }
}
