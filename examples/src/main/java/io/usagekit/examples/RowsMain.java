package io.usagekit.examples;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.events.EventOrder;
import io.usagekit.events.PageRequest;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rows.PostgresRows;
import io.usagekit.postgres.rows.ReceivedRow;
import io.usagekit.postgres.rows.RowFormat;
import io.usagekit.postgres.rows.RowPage;
import io.usagekit.postgres.rows.RowSum;
import java.time.YearMonth;
import org.postgresql.ds.PGSimpleDataSource;

/** The rows behind a figure, in the tables that a host has already. Argument: JDBC URL. */
public final class RowsMain {

    private RowsMain() {}

    /** Prints a page of what an account received in a month, and exports what it sent. */
    public static void main(String... args) {
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setURL(args[0]);
        TableMapping mapping = TableMapping.builder("app")
                .projects("workspaces")
                .projectOrganisationId("account_id")
                .withoutProjectDeletion()
                .events("messages")
                .eventProjectId("workspace_id")
                .payload("headers", "body")
                .withoutEventDeletion()
                .deliveries("attempts")
                .deliveryId("message_id")
                .deliveryProjectId("workspace_id")
                .deliveryEventId("message_id")
                .deliveredStatuses("delivered", "acknowledged")
                .build();
        // tag::quote
        PostgresRows rows = PostgresRows.of(dataSource, mapping);
        UsageKey figure = new UsageKey("account-7", UsagePeriod.month(YearMonth.of(2026, 3)));

        RowPage<ReceivedRow> page = rows.received(figure, PageRequest.first(100, EventOrder.DESCENDING));
        page.rows().forEach(row -> System.out.println(row.createdAt() + " " + row.bytes()));
        page.next().ifPresent(cursor -> System.out.println("more after " + cursor));
        if (page.retained().isAny()) {
            System.out.println("without rows: " + page.retained());
        }

        RowSum sent = rows.exportSent(figure, RowFormat.CSV, System.out); // all of them, in one snapshot
        System.out.println("sent: " + sent.figure());
        // end::quote
    }
}
