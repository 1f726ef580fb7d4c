package io.usagekit.cli.demo;

import io.usagekit.cli.support.UsageTables;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/** What the demo prints about its fleet. */
final class DemoTables {

    private DemoTables() {}

    /** The results of the processes of a fleet, in their order. */
    static String fleet(List<DemoAnswers> ofEach) {
        return UsageTables.table(
                IntStream.range(0, ofEach.size()).boxed().toList(),
                UsageTables.number("process").with(index -> Integer.toString(index + 1)),
                UsageTables.number("callers", index -> ofEach.get(index).callers()),
                UsageTables.name("answered from")
                        .with(index -> ofEach.get(index).sources()),
                UsageTables.number("slowest caller, ms")
                        .with(index -> millis(ofEach.get(index).slowest())));
    }

    private static String millis(Duration duration) {
        return String.format(Locale.ROOT, "%,.1f", duration.toNanos() / 1e6);
    }
}
