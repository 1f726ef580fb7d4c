package io.usagekit.redis;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Captures the module's log while open. slf4j-simple writes to the standard error stream of the moment. */
final class CapturedLog implements AutoCloseable {

    private final PrintStream before = System.err;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    CapturedLog() {
        System.setErr(new PrintStream(out, true, StandardCharsets.UTF_8));
    }

    /** Returns the lines of one level, e.g. {@code WARN}. */
    List<String> lines(String level) {
        return text().lines()
                .filter(line -> line.contains(level + " " + RedisUsage.class.getName() + " - "))
                .toList();
    }

    /** Returns all that was logged, stack traces included. */
    String text() {
        return out.toString(StandardCharsets.UTF_8);
    }

    @Override
    public void close() {
        System.setErr(before);
    }
}
