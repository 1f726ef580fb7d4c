package io.usagekit.postgres.rollups;

import io.usagekit.UsageKey;
import java.util.List;
import java.util.Locale;

/** Adds to a list how each figure is computed: from roll-ups, or why from raw rows. */
final class FigureWays implements RollupListener {

    private final List<String> ways;
    private final String rolled;

    private FigureWays(List<String> ways, String rolled) {
        this.ways = ways;
        this.rolled = rolled;
    }

    /** Adds {@code rolled}, or the name of the fallback. */
    static FigureWays to(List<String> ways) {
        return new FigureWays(ways, "rolled");
    }

    /** Adds also how many hours were live and marked. */
    static FigureWays withHoursTo(List<String> ways) {
        return new FigureWays(ways, "rolled, %d live, %d marked");
    }

    @Override
    public void fromRollups(UsageKey key, long liveHours, long markedHours) {
        ways.add(String.format(Locale.ROOT, rolled, liveHours, markedHours));
    }

    @Override
    public void fromRawRows(UsageKey key, Fallback why) {
        ways.add(why.name());
    }
}
