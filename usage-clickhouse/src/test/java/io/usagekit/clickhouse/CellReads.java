package io.usagekit.clickhouse;

import io.usagekit.UsageKey;
import io.usagekit.postgres.rollups.spi.CellReadListener;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import java.util.ArrayList;
import java.util.List;

/** What the listener of a calculator was notified of. */
final class CellReads implements CellReadListener {

    /** The days of each read that wasn't believed. */
    final List<List<ProjectDays>> refused = new ArrayList<>();

    /** How many days of the last figure were sums of ClickHouse. */
    long daysFromCells;

    @Override
    public void fromCells(UsageKey key, long days) {
        daysFromCells = days;
    }

    @Override
    public void refused(UsageKey key, List<ProjectDays> days, boolean reshipped) {
        refused.add(days);
    }
}
