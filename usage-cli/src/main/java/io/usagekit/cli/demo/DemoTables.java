package io.usagekit.cli.demo;

import com.github.freva.asciitable.AsciiTable;
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
        return AsciiTable.builder()
                .border(AsciiTable.BASIC_ASCII_NO_DATA_SEPARATORS)
                .data(
                        IntStream.range(0, ofEach.size()).boxed().toList(),
                        List.of(
                                UsageTables.number("process").with(index -> Integer.toString(index + 1)),
                                UsageTables.number("callers")
                                        .with(index -> UsageTables.grouped(
                                                ofEach.get(index).callers())),
                                UsageTables.name("answered from")
                                        .with(index -> ofEach.get(index).sources()),
                                UsageTables.number("slowest caller, ms")
                                        .with(index -> millis(ofEach.get(index).slowest()))))
                .asString();
    }

    private static String millis(Duration duration) {
        return String.format(Locale.ROOT, "%,.1f", duration.toNanos() / 1e6);
    }
}
