package io.usagekit.cli.support;

import com.github.freva.asciitable.AsciiTable;
import com.github.freva.asciitable.Column;
import com.github.freva.asciitable.HorizontalAlign;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageMetrics;
import io.usagekit.UsageResult;
import io.usagekit.events.Event;
import io.usagekit.postgres.rows.ReceivedRow;
import io.usagekit.postgres.rows.SentRow;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;

/** Figures for people to read. */
public final class UsageTables {

    private record Row(String name, UsageMetrics metrics) {}

    private UsageTables() {}

    /** Organisations with their usage of one period, in the order given. */
    public static String organisations(List<OrganisationUsage> figures) {
        return AsciiTable.builder()
                .border(AsciiTable.BASIC_ASCII_NO_DATA_SEPARATORS)
                .data(
                        figures,
                        List.of(
                                name("organisation").with(OrganisationUsage::organisationId),
                                number("events received")
                                        .with(figure ->
                                                grouped(figure.received().volume())),
                                number("bytes received")
                                        .with(figure ->
                                                grouped(figure.received().bytes())),
                                number("deliveries sent")
                                        .with(figure -> grouped(figure.sent().volume())),
                                number("bytes sent")
                                        .with(figure -> grouped(figure.sent().bytes()))))
                .asString();
    }

    /** Events of the ledger, in the order given. */
    public static String events(List<Event> events) {
        return AsciiTable.builder()
                .border(AsciiTable.BASIC_ASCII_NO_DATA_SEPARATORS)
                .data(
                        events,
                        List.of(
                                name("created at")
                                        .with(event -> event.createdAt().toString()),
                                name("id").with(Event::id),
                                name("type").with(Event::type),
                                name("source").with(Event::sourceId),
                                name("status").with(Event::status),
                                name("duplicate").with(event -> event.duplicate() ? "yes" : ""),
                                number("bytes").with(event -> grouped(event.bytes()))))
                .asString();
    }

    /** Events that a figure counts, in the order given. */
    public static String received(List<ReceivedRow> rows) {
        return AsciiTable.builder()
                .border(AsciiTable.BASIC_ASCII_NO_DATA_SEPARATORS)
                .data(
                        rows,
                        List.of(
                                name("created at").with(row -> row.createdAt().toString()),
                                name("event").with(ReceivedRow::eventId),
                                name("project").with(ReceivedRow::projectId),
                                number("bytes").with(row -> known(row.bytes()))))
                .asString();
    }

    /** Deliveries that a figure counts, in the order given. */
    public static String sent(List<SentRow> rows) {
        return AsciiTable.builder()
                .border(AsciiTable.BASIC_ASCII_NO_DATA_SEPARATORS)
                .data(
                        rows,
                        List.of(
                                name("created at").with(row -> row.createdAt().toString()),
                                name("delivery").with(SentRow::deliveryId),
                                name("event").with(row -> row.eventId().orElse("")),
                                name("project").with(SentRow::projectId),
                                number("bytes").with(row -> known(row.bytes()))))
                .asString();
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
        return AsciiTable.builder()
                .border(AsciiTable.BASIC_ASCII_NO_DATA_SEPARATORS)
                .data(
                        List.of(new Row("received", usage.received()), new Row("sent", usage.sent())),
                        List.of(
                                name("").with(Row::name),
                                number("volume")
                                        .with(row -> grouped(row.metrics().volume())),
                                number("bytes")
                                        .with(row -> grouped(row.metrics().bytes()))))
                .asString();
    }

    /** A column of text. */
    public static Column name(String header) {
        return new Column().header(header).headerAlign(HorizontalAlign.LEFT).dataAlign(HorizontalAlign.LEFT);
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
