package io.usagekit.cli.support;

import io.usagekit.UsagePeriod;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Option;

/** Which period. */
public final class PeriodOptions {

    @ArgGroup(multiplicity = "1")
    private Window window = new Window();

    @Option(
            names = "--zone",
            paramLabel = "ZONE",
            description = "Whose midnights begin days and months, e.g. Asia/Kolkata; UTC by default.")
    private @Nullable String zone;

    public UsagePeriod period() {
        Bounds bounds = window.bounds;
        return Periods.of(window.period, bounds == null ? null : bounds.from, bounds == null ? null : bounds.to, zone);
    }

    /** One or the other. */
    static final class Window {
        @Option(
                names = "--period",
                paramLabel = "PERIOD",
                description = "A month (2026-03), a day (2026-03-17), or start/end of two dates or instants.")
        private @Nullable String period;

        @ArgGroup(exclusive = false)
        private @Nullable Bounds bounds;
    }

    /** Both. */
    static final class Bounds {
        @Option(
                names = "--from",
                required = true,
                paramLabel = "INSTANT",
                description = "The first instant (2026-03-01T00:00:00Z), or a date or date-time of the zone.")
        private @Nullable String from;

        @Option(
                names = "--to",
                required = true,
                paramLabel = "INSTANT",
                description = "The first instant after the period, likewise.")
        private @Nullable String to;
    }
}
