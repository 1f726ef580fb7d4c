package io.usagekit.servers;

import org.testcontainers.containers.GenericContainer;
import org.testcontainers.utility.DockerImageName;

/** Redis from an image. */
record RedisContainer(GenericContainer<?> container) implements RedisServer {

    private static final int PORT = 6379;

    @SuppressWarnings("resource") // close() ends it
    static RedisServer start(String image) {
        Docker.require();
        GenericContainer<?> container = new GenericContainer<>(DockerImageName.parse(image)).withExposedPorts(PORT);
        container.start();
        return new RedisContainer(container);
    }

    @Override
    public String url() {
        return "redis://" + container.getHost() + ":" + container.getMappedPort(PORT);
    }

    @Override
    public void close() {
        container.stop();
    }
}
