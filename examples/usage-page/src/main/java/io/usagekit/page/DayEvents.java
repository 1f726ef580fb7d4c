package io.usagekit.page;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.events.EventOrder;
import io.usagekit.events.PageRequest;
import io.usagekit.postgres.rows.ReceivedRow;
import io.usagekit.postgres.rows.RetainedUsage;
import io.usagekit.postgres.rows.RowPage;
import io.usagekit.postgres.rows.SentRow;
import java.io.OutputStream;
import java.time.DateTimeException;
import java.time.LocalDate;
import java.time.YearMonth;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** Collects what the page of a day's events shows. */
final class DayEvents {

    static final String RECEIVED = "received";
    static final String SENT = "sent";

    private static final int ROWS = 50;

    private final UsageRows rows;
    private final ProjectDirectory directory;

    DayEvents(UsageRows rows, ProjectDirectory directory) {
        this.rows = rows;
        this.directory = directory;
    }

    /**
     * Which events.
     *
     * @param day of the zone of the links
     * @param side {@value #RECEIVED} or {@value #SENT}
     */
    record Selection(Links links, LocalDate day, String side) {

        static Selection of(Links links, UsagePageRequest request) {
            String side = request.parameter("side").orElse(RECEIVED);
            if (!side.equals(RECEIVED) && !side.equals(SENT)) {
                throw new IllegalArgumentException("side must be received or sent, but was '" + side + "'");
            }
            String day = request.parameter("day")
                    .orElseThrow(
                            () -> new IllegalArgumentException("day is missing; it must be a date like 2026-03-17"));
            try {
                return new Selection(links, LocalDate.parse(day), side);
            } catch (DateTimeException e) {
                throw new IllegalArgumentException("day must be a date like 2026-03-17, but was '" + day + "'", e);
            }
        }

        boolean isSent() {
            return side.equals(SENT);
        }

        UsageKey key() {
            return new UsageKey(links.organisationId(), UsagePeriod.day(day, links.zone()));
        }
    }

    EventsView view(Selection selection, Optional<String> cursor) {
        PageRequest request = new PageRequest(ROWS, EventOrder.ASCENDING, cursor);
        Projects projects = new Projects(directory, selection.links().organisationId());
        if (selection.isSent()) {
            RowPage<SentRow> page = rows.sent(selection.key(), request);
            return view(
                    selection,
                    page,
                    page.rows().stream()
                            .map(row -> sent(row, selection, projects))
                            .toList());
        }
        RowPage<ReceivedRow> page = rows.received(selection.key(), request);
        return view(
                selection,
                page,
                page.rows().stream()
                        .map(row -> received(row, selection, projects))
                        .toList());
    }

    private static EventsView view(Selection selection, RowPage<?> page, List<EventsView.Row> rows) {
        Links links = selection.links();
        LocalDate day = selection.day();
        YearMonth month = YearMonth.from(day);
        return new EventsView(
                links,
                Words.day(day),
                List.of(
                        new EventsView.Side(links.events(day, RECEIVED), "Events received", !selection.isSent()),
                        new EventsView.Side(links.events(day, SENT), "Deliveries sent", selection.isSent())),
                selection.isSent(),
                rows,
                page.previous().map(cursor -> links.events(day, selection.side(), cursor)),
                page.next().map(cursor -> links.events(day, selection.side(), cursor)),
                notes(page.retained()),
                new StatementView.Link(links.statement(month.toString()), Words.month(month)),
                links.eventsCsv(day, selection.side()));
    }

    private static List<String> notes(RetainedUsage retained) {
        return retained.isAny()
                ? List.of(Words.metrics(retained.usage(), "row")
                        + ", have been deleted since by retention: they count, and aren't listed.")
                : List.of();
    }

    private static EventsView.Row received(ReceivedRow row, Selection selection, Projects projects) {
        return new EventsView.Row(
                Words.clock(row.createdAt(), selection.links().zone()),
                row.createdAt().toString(),
                "",
                row.eventId(),
                projects.label(row.projectId()),
                bytes(row.bytes()));
    }

    private static EventsView.Row sent(SentRow row, Selection selection, Projects projects) {
        return new EventsView.Row(
                Words.clock(row.createdAt(), selection.links().zone()),
                row.createdAt().toString(),
                row.deliveryId(),
                row.eventId().orElse(""),
                projects.label(row.projectId()),
                bytes(row.bytes()));
    }

    private static String bytes(OptionalLong bytes) {
        return bytes.isPresent() ? Words.count(bytes.getAsLong()) : "not known";
    }

    /** Writes all of them as CSV. */
    void export(Selection selection, OutputStream sink) {
        if (selection.isSent()) {
            rows.exportSent(selection.key(), sink);
        } else {
            rows.exportReceived(selection.key(), sink);
        }
    }
}
