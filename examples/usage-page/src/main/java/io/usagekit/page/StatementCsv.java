package io.usagekit.page;

import io.usagekit.UsagePeriod;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.ZoneId;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVPrinter;

/** A statement as CSV: a row a project, and the total. */
final class StatementCsv {

    private static final CSVFormat FORMAT = CSVFormat.RFC4180
            .builder()
            .setHeader(
                    "organisation_id",
                    "period",
                    "zone",
                    "computed_at",
                    "project_id",
                    "project_name",
                    "deleted",
                    "received_volume",
                    "received_bytes",
                    "sent_volume",
                    "sent_bytes")
            .get();

    private StatementCsv() {}

    static byte[] of(Statement statement, ZoneId zone) {
        StringBuilder text = new StringBuilder();
        try (CSVPrinter csv = new CSVPrinter(text, FORMAT)) {
            for (Statement.Row row : statement.rows()) {
                print(
                        csv,
                        statement,
                        zone,
                        row.project().id(),
                        row.project().name(),
                        row.project().deleted() ? "true" : "false",
                        row.received(),
                        row.sent());
            }
            print(
                    csv,
                    statement,
                    zone,
                    "",
                    "Total",
                    "",
                    Metric.of(statement.usage().received()),
                    Metric.of(statement.usage().sent()));
        } catch (IOException e) {
            throw new UncheckedIOException(e); // into a string? never
        }
        return text.toString().getBytes(StandardCharsets.UTF_8);
    }

    private static void print(
            CSVPrinter csv,
            Statement statement,
            ZoneId zone,
            String id,
            String name,
            String deleted,
            Metric received,
            Metric sent)
            throws IOException {
        UsagePeriod period = statement.usage().period();
        csv.printRecord(
                inert(statement.usage().organisationId()),
                period.label(),
                zone.getId(),
                statement.usage().createdAt(),
                inert(id),
                inert(name),
                deleted,
                received.volume(),
                received.bytes(),
                sent.volume(),
                sent.bytes());
    }

    /** A text that a spreadsheet doesn't take for a formula: one that begins like a formula gets an apostrophe. */
    static String inert(String text) {
        return !text.isEmpty() && "=+-@\t\r\n".indexOf(text.charAt(0)) >= 0 ? "'" + text : text;
    }
}
