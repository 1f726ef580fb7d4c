package io.usagekit.servers;

import org.testcontainers.DockerClientFactory;

/**
 * Whether containers can be started here.
 *
 * @since 0.1
 */
public final class Docker {

    /** What a suite says when it is skipped. */
    public static final String MISSING = "no Docker engine on this machine: the suites ran on embedded servers only";

    private Docker() {}

    /** Whether there is a Docker engine that answers. */
    public static boolean isAvailable() {
        return DockerClientFactory.instance().isDockerAvailable();
    }

    static void require() {
        if (!isAvailable()) {
            throw new IllegalStateException(MISSING);
        }
    }
}
