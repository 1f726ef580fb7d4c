package io.usagekit.cli.support;

import com.github.freva.asciitable.AsciiTable;
import com.github.freva.asciitable.Column;
import com.github.freva.asciitable.ColumnData;
import com.github.freva.asciitable.HorizontalAlign;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageMetrics;
import io.usagekit.UsageResult;
import io.usagekit.events.Delivery;
import io.usagekit.events.Event;
import io.usagekit.postgres.rows.ReceivedRow;
import io.usagekit.postgres.rows.SentRow;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;

/** Figures, and rows of the ledger, in tables for people to read. */
public final class UsageTables {

    private record Row(String name, UsageMetrics metrics) {}

    private record Property(String name, String value) {}

    private UsageTables() {}

    /** Organisations with their usage of one period, in the order given. */
    public static String organisations(List<OrganisationUsage> figures) {
        return table(
                figures,
                text("organisation", OrganisationUsage::organisationId),
                number("events received", figure -> figure.received().volume()),
                number("bytes received", figure -> figure.received().bytes()),
                number("deliveries sent", figure -> figure.sent().volume()),
                number("bytes sent", figure -> figure.sent().bytes()));
    }

    /** Events of the ledger, in the order given. */
    public static String events(List<Event> events) {
        return table(
                events,
                text("created at", event -> event.createdAt().toString()),
                text("id", Event::id),
                text("type", Event::type),
                text("source", Event::sourceId),
                text("status", Event::status),
                text("duplicate", event -> event.duplicate() ? "yes" : ""),
                number("bytes", Event::bytes));
    }

    /** One event of the ledger without its payload, a line for each thing that it has. */
    public static String event(Event event, List<String> endpointIds) {
        List<Property> properties = new ArrayList<>(List.of(
                new Property("id", event.id()),
                new Property("project", event.projectId()),
                new Property("created at", event.createdAt().toString()),
                new Property("acknowledged at", text(event.acknowledgedAt())),
                new Property("updated at", text(event.updatedAt())),
                new Property("deleted at", text(event.deletedAt())),
                new Property("type", event.type()),
                new Property("source", event.sourceId()),
                new Property("status", event.status()),
                new Property("key", event.idempotencyKey()),
                new Property("duplicate", event.duplicate() ? "yes" : ""),
                new Property("bytes", grouped(event.bytes())),
                new Property("path", event.urlPath()),
                new Property("query", event.urlQueryParams()),
                new Property("metadata", event.metadata())));
        event.headerValues()
                .forEach((name, values) ->
                        values.forEach(value -> properties.add(new Property("header", name + ": " + value))));
        endpointIds.forEach(id -> properties.add(new Property("endpoint", id)));
        return properties.stream()
                .filter(property -> !property.value().isEmpty())
                .map(property ->
                        String.format(Locale.ROOT, "%-15s  %s", property.name(), Terminal.printable(property.value())))
                .collect(Collectors.joining("\n"));
    }

    private static String text(Optional<Instant> instant) {
        return instant.map(Instant::toString).orElse("");
    }

    /** Deliveries of the ledger, in the order given. */
    public static String deliveries(List<Delivery> deliveries) {
        return table(
                deliveries,
                text("created at", delivery -> delivery.createdAt().toString()),
                text("delivery", Delivery::id),
                text("endpoint", Delivery::endpointId),
                text("status", Delivery::status),
                text("updated at", delivery -> text(delivery.updatedAt())),
                text("failure reason", Delivery::failureReason),
                text("metadata", Delivery::metadata));
    }

    /** Events that a figure counts, in the order given. */
    public static String received(List<ReceivedRow> rows) {
        return table(
                rows,
                text("created at", row -> row.createdAt().toString()),
                text("event", ReceivedRow::eventId),
                text("project", ReceivedRow::projectId),
                number("bytes").with(row -> known(row.bytes())));
    }

    /** Deliveries that a figure counts, in the order given. */
    public static String sent(List<SentRow> rows) {
        return table(
                rows,
                text("created at", row -> row.createdAt().toString()),
                text("delivery", SentRow::deliveryId),
                text("event", row -> row.eventId().orElse("")),
                text("project", SentRow::projectId),
                number("bytes").with(row -> known(row.bytes())));
    }

    private static String known(OptionalLong bytes) {
        return bytes.isPresent() ? grouped(bytes.getAsLong()) : "unknown";
    }

    /** One answer. */
    public static String answer(UsageResult result, boolean withFreshness) {
        StringBuilder text = new StringBuilder()
                .append("organisation  ")
                .append(result.key().organisationId())
                .append("\nperiod        ")
                .append(result.key().period().label())
                .append("\nfrom          ")
                .append(result.key().period().start())
                .append("\nto            ")
                .append(result.key().period().end())
                .append("\ncreated at    ")
                .append(result.createdAt());
        if (withFreshness) {
            text.append("\nfreshness     ")
                    .append(result.freshness().name().toLowerCase(Locale.ROOT))
                    .append(result.age()
                            .map(Duration::toSeconds)
                            .map(age -> ", " + age + " s old")
                            .orElse(""));
        }
        return text.append('\n')
                .append(result.usage().map(UsageTables::figure).orElse("not known yet"))
                .toString();
    }

    private static String figure(OrganisationUsage usage) {
        return usage.unmeasured() == 0
                ? metrics(usage)
                : metrics(usage) + "\n" + grouped(usage.unmeasured())
                        + " of these events and deliveries are counted without their octets, which can't be known any more";
    }

    private static String metrics(OrganisationUsage usage) {
        return table(
                List.of(new Row("received", usage.received()), new Row("sent", usage.sent())),
                name("").with(Row::name),
                number("volume", row -> row.metrics().volume()),
                number("bytes", row -> row.metrics().bytes()));
    }

    /** A table of the rows, in the order given. */
    @SafeVarargs
    @SuppressWarnings("varargs") // the list is a copy
    public static <T> String table(List<T> rows, ColumnData<T>... columns) {
        return AsciiTable.builder()
                .border(AsciiTable.BASIC_ASCII_NO_DATA_SEPARATORS)
                .data(rows, List.of(columns))
                .asString();
    }

    /** A column of text. */
    public static Column name(String header) {
        return new Column().header(header).headerAlign(HorizontalAlign.LEFT).dataAlign(HorizontalAlign.LEFT);
    }

    /** A column of texts that may contain characters which control a terminal. */
    private static <T> ColumnData<T> text(String header, Function<T, String> text) {
        return name(header).with(row -> Terminal.printable(text.apply(row)));
    }

    /** A column of whole numbers, with a comma between thousands. */
    public static <T> ColumnData<T> number(String header, ToLongFunction<T> number) {
        return number(header).with(row -> grouped(number.applyAsLong(row)));
    }

    /** A column of numbers. */
    public static Column number(String header) {
        return new Column().header(header).headerAlign(HorizontalAlign.RIGHT).dataAlign(HorizontalAlign.RIGHT);
    }

    /** With a comma between thousands. */
    public static String grouped(long number) {
        return String.format(Locale.ROOT, "%,d", number);
    }
}
