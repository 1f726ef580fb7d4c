package io.usagekit.postgres.testing;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Captures the log while open. slf4j-simple writes to the standard error stream of the moment. */
public final class CapturedLog implements AutoCloseable {

    private final PrintStream before = System.err;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final Class<?> logger;

    private CapturedLog(Class<?> logger) {
        this.logger = logger;
        System.setErr(new PrintStream(out, true, StandardCharsets.UTF_8));
    }

    /** Captures what a class logs. */
    public static CapturedLog of(Class<?> logger) {
        return new CapturedLog(logger);
    }

    /** Returns the lines of one level, e.g. {@code WARN}. */
    public List<String> lines(String level) {
        return out.toString(StandardCharsets.UTF_8)
                .lines()
                .filter(line -> line.contains(level + " ") && line.contains(logger.getSimpleName() + " - "))
                .toList();
    }

    @Override
    public void close() {
        System.setErr(before);
    }
}
