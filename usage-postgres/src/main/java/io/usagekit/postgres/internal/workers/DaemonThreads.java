package io.usagekit.postgres.internal.workers;

/** The library's own threads: daemons that take over nothing from the thread that happens to start them. */
public final class DaemonThreads {

    private static final long DEFAULT_STACK_SIZE = 0;

    private DaemonThreads() {}

    /** Creates a thread without the creating thread's {@link InheritableThreadLocal}s, and with this library's context class loader. */
    public static Thread create(String name, Runnable task) {
        Thread thread = new Thread(null, task, name, DEFAULT_STACK_SIZE, false);
        thread.setDaemon(true);
        thread.setContextClassLoader(DaemonThreads.class.getClassLoader());
        return thread;
    }
}
