package io.usagekit.spring;

import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.DisposableBean;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.scheduling.TaskScheduler;
import org.springframework.scheduling.concurrent.ThreadPoolTaskScheduler;

/** The host's task scheduler, or, where there isn't exactly one, a scheduler of the library's own, whose threads start with their tasks. */
final class UsageScheduler implements DisposableBean {

    /** One for each kind of task, so that none waits for another. */
    private static final int THREADS = 4;

    private final ObjectProvider<TaskScheduler> hosts;
    private @Nullable ThreadPoolTaskScheduler own;

    UsageScheduler(ObjectProvider<TaskScheduler> hosts) {
        this.hosts = hosts;
    }

    /** Returns the scheduler. */
    synchronized TaskScheduler get() {
        TaskScheduler host = hosts.getIfUnique();
        if (host != null) {
            return host;
        }
        ThreadPoolTaskScheduler scheduler = own;
        if (scheduler == null) {
            scheduler = new ThreadPoolTaskScheduler();
            scheduler.setPoolSize(THREADS);
            scheduler.setDaemon(true);
            scheduler.setThreadNamePrefix("usage-scheduler-");
            scheduler.initialize();
            own = scheduler;
        }
        return scheduler;
    }

    /** Ends the threads of the library's own; the host's scheduler belongs to the host. */
    @Override
    public synchronized void destroy() {
        if (own != null) {
            own.shutdown();
        }
    }
}
