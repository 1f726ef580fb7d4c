package io.usagekit.servers;

import org.testcontainers.DockerClientFactory;

/**
 * Whether containers can be started here.
 *
 * @since 0.1
 */
public final class Docker {

    private static final String MISSING = "no Docker engine on this machine: what runs in containers is skipped";

    private Docker() {}

    /** Whether there is a Docker engine that answers. */
    public static boolean isAvailable() {
        return DockerClientFactory.instance().isDockerAvailable();
    }

    /** Says on standard output, where a build shows it, which suite is skipped and why; returns the reason. */
    public static String announceSkipped(Class<?> suite) {
        System.out.println("SKIPPED " + suite.getSimpleName() + ": " + MISSING);
        return MISSING;
    }

    static void require() {
        if (!isAvailable()) {
            throw new IllegalStateException(MISSING);
        }
    }
}
