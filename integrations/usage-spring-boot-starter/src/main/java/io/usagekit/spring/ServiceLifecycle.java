package io.usagekit.spring;

import io.usagekit.UsageService;
import org.springframework.context.SmartLifecycle;

/**
 * Closes the usage service after the web server has finished its requests, and while the connection factory of Redis still runs: the last
 * figures are stored, and leases are released.
 */
final class ServiceLifecycle implements SmartLifecycle {

    /** Above that of Spring Data's connection factories, 0; below those of web servers and of message listeners. */
    static final int PHASE = 1_000;

    private final UsageService service;
    private volatile boolean running;

    ServiceLifecycle(UsageService service) {
        this.service = service;
    }

    @Override
    public void start() {
        running = true;
    }

    @Override
    public void stop() {
        running = false;
        service.close();
    }

    @Override
    public boolean isRunning() {
        return running;
    }

    @Override
    public int getPhase() {
        return PHASE;
    }

    /** Keeps tests' contexts of Spring Framework 7 from pausing it, which can't be started again. */
    public boolean isPauseable() {
        return false;
    }
}
