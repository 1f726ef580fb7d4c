package io.usagekit.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/**
 * The servers that the environment names: one JVM at a time uses them, since suites flush and drop what the suites of another module
 * need. Thread-safe.
 */
final class RunningServers {

    private static final Path FILE = Path.of(System.getProperty("java.io.tmpdir"), "usagekit-running-servers.lock");

    /** Of both servers, so that no two JVMs wait for each other. */
    private static @Nullable FileLock lock;

    private RunningServers() {}

    /** Waits until no other JVM uses them, and reserves them until this JVM ends. */
    static synchronized void reserve() {
        if (lock != null) {
            return;
        }
        try {
            lock = FileChannel.open(FILE, StandardOpenOption.CREATE, StandardOpenOption.WRITE)
                    .lock();
        } catch (IOException e) {
            throw new UncheckedIOException("the running servers can't be reserved: " + FILE + " can't be locked", e);
        }
    }
}
