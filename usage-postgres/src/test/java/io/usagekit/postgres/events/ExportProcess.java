package io.usagekit.postgres.events;

import io.usagekit.events.ExportRequest;
import io.usagekit.events.ExportResult;
import io.usagekit.postgres.testing.Database;
import java.io.OutputStream;
import java.time.Instant;
import java.util.Locale;

/** Exports a project to a null stream, in a process whose heap is limited, and prints how much of it was used. */
final class ExportProcess {

    private static final Runtime JVM = Runtime.getRuntime();

    private ExportProcess() {}

    @SuppressWarnings("SystemGc") // what is left is what idling takes
    public static void main(String... args) {
        try (var pool = Database.pool(args[0])) {
            JVM.gc();
            long idle = used();
            long[] peak = {idle};
            ExportResult result = PostgresLedger.of(pool, args[1])
                    .repository()
                    .export(
                            ExportRequest.builder(args[2], Instant.parse("2026-04-01T00:00:00Z"))
                                    .withEndpoints()
                                    .listener(progress -> peak[0] = Math.max(peak[0], used()))
                                    .build(),
                            OutputStream.nullOutputStream());
            System.out.printf(
                    Locale.ROOT,
                    "%,d events, %,d octets exported with a heap of %,d MB at most; %,d MB when idle, %,d MB at the peak,"
                            + " garbage included%n",
                    result.events(),
                    result.octets(),
                    JVM.maxMemory() >> 20,
                    idle >> 20,
                    peak[0] >> 20);
        }
    }

    private static long used() {
        return JVM.totalMemory() - JVM.freeMemory();
    }
}
