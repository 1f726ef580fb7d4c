package io.usagekit.page;

import java.util.List;
import java.util.Optional;

/**
 * The page of a period, as its template prints it.
 *
 * @param links addresses of other resources
 * @param heading the period in words
 * @param isSoFar whether the figures were computed before the period's end
 * @param state how current the figures are
 * @param picker the choice of period and zone
 * @param previous the period before this one
 * @param next the period after this one; empty if it hasn't begun
 * @param totals of the period; empty if they aren't known
 * @param today what was used today so far
 * @param breakdown days and projects; empty if they aren't known
 * @param notes what a reader of the figures must know
 * @param self address of this page
 * @param csv address of the statement as CSV
 */
public record StatementView(
        Links links,
        String heading,
        boolean isSoFar,
        FigureState state,
        Picker picker,
        Link previous,
        Optional<Link> next,
        Optional<Totals> totals,
        Today today,
        Optional<Breakdown> breakdown,
        List<String> notes,
        String self,
        String csv) {

    /** An address and what it leads to. */
    public record Link(String href, String label) {}

    /** Totals of the period beside those of the previous one. */
    public record Totals(Total received, Total sent, boolean isZero) {}

    /**
     * One side of the totals.
     *
     * @param thing what is counted, in the right number
     * @param metric how many, and their size
     * @param before the previous period, in words
     */
    public record Total(String thing, Metric metric, String before) {}

    /**
     * What was used today so far.
     *
     * @param day today, in words
     * @param received empty if it isn't known
     * @param sent empty if it isn't known
     * @param words how current that is, or why it isn't known
     */
    public record Today(String day, Optional<Metric> received, Optional<Metric> sent, String words) {}

    /**
     * Days and projects.
     *
     * @param days of the period that have begun
     * @param projects the largest first
     * @param changes what the figure counts and no row has, or the reverse; empty if the rows add up to the total by themselves
     */
    public record Breakdown(List<Day> days, List<Project> projects, Optional<Project> changes) {}

    /**
     * A day.
     *
     * @param label in words
     * @param shortLabel for an axis
     * @param receivedEvents address of the events behind it; empty if there is no source of rows
     * @param sentEvents address of the deliveries behind it
     */
    public record Day(
            String label,
            String shortLabel,
            Metric received,
            Metric sent,
            Optional<String> receivedEvents,
            Optional<String> sentEvents) {}

    /**
     * A row of the table of projects.
     *
     * @param name its name, or its id if it has none
     * @param id shown beside the name; empty if the name is the id
     * @param isDeleted whether it is soft-deleted
     * @param share its part of the received octets, in thousandths
     */
    public record Project(
            String name, Optional<String> id, boolean isDeleted, Metric received, Metric sent, long share) {}
}
