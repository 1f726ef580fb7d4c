package io.usagekit.servers;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** JVMs that use the same running servers take turns. */
@Timeout(60)
class RunningServersTest {

    /** A JVM that reserves the running servers, and prints when it has. */
    static final class Other {
        private Other() {}

        public static void main(String[] arguments) {
            System.out.println("waits");
            RunningServers.reserve();
            RunningServers.reserve();
            System.out.println("reserved");
        }
    }

    @Test
    void waitsUntilNoOtherJvmUsesThem(@TempDir Path directory) throws Exception {
        Path file = directory.resolve("usagekit-running-servers.lock");
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            FileLock lock = channel.lock();
            Process other = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-Djava.io.tmpdir=" + directory,
                            "-cp",
                            System.getProperty("java.class.path"),
                            Other.class.getName())
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            try (BufferedReader out = other.inputReader()) {
                assertThat(out.readLine()).isEqualTo("waits");
                CompletableFuture<String> next = CompletableFuture.supplyAsync(() -> line(out));
                assertThat(next)
                        .as("while another JVM uses them")
                        .failsWithin(1, TimeUnit.SECONDS)
                        .withThrowableOfType(TimeoutException.class);
                lock.release();
                assertThat(next).succeedsWithin(30, TimeUnit.SECONDS).isEqualTo("reserved");
            } finally {
                other.destroyForcibly();
            }
        }
    }

    private static String line(BufferedReader out) {
        try {
            return String.valueOf(out.readLine());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
