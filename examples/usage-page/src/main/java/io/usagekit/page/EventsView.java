package io.usagekit.page;

import java.util.List;
import java.util.Optional;

/**
 * The page of the events or deliveries of a day, as its template prints it.
 *
 * @param links addresses of other resources
 * @param heading the day in words
 * @param sides received and sent
 * @param isSent whether rows are deliveries
 * @param rows of this page
 * @param previous address of the page before this one
 * @param next address of the page after this one
 * @param notes what a reader must know
 * @param back address of the period's page
 * @param csv address of all rows as CSV
 */
public record EventsView(
        Links links,
        String heading,
        List<Side> sides,
        boolean isSent,
        List<Row> rows,
        Optional<String> previous,
        Optional<String> next,
        List<String> notes,
        StatementView.Link back,
        String csv) {

    /** One side of the figure. */
    public record Side(String href, String label, boolean isCurrent) {}

    /**
     * An event, or a delivery.
     *
     * @param time of the day
     * @param instant the same, in ISO 8601
     * @param delivery id of the delivery; blank for an event
     * @param event id of the event; blank if a delivery names none
     * @param bytes its octets, or that they aren't known
     */
    public record Row(String time, String instant, String delivery, String event, String project, String bytes) {}
}
