package io.usagekit.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** What tests wait for that happens in other processes. */
public final class Await {

    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private Await() {}

    /** The first value that there is. */
    public static <T> T until(String what, Supplier<Optional<T>> value) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        Optional<T> found = value.get();
        while (found.isEmpty()) {
            assertThat(System.nanoTime()).as("%s", what).isLessThan(deadline);
            LockSupport.parkNanos(1_000_000);
            found = value.get();
        }
        return found.get();
    }

    /** The processes of the demo's fleet that this one has started and that are running. */
    public static List<ProcessHandle> members(ProcessHandle parent) {
        try (Stream<ProcessHandle> children = parent.children()) {
            return children.filter(
                            child -> child.info().commandLine().orElse("").endsWith(DemoMember.class.getName()))
                    .toList();
        }
    }
}
