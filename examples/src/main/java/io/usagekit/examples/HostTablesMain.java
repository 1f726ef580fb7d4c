package io.usagekit.examples;

import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import java.time.LocalDate;
import org.postgresql.ds.PGSimpleDataSource;

/** The tables that a host has already, whatever they are called. Argument: JDBC URL. */
public final class HostTablesMain {

    private HostTablesMain() {}

    /** Builds the indexes that the query needs, and prints what an account has used on a day. */
    public static void main(String... args) {
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setURL(args[0]);
        // tag::quote
        TableMapping mapping = TableMapping.builder("app")
                .projects("workspaces")
                .projectOrganisationId("account_id")
                .withoutProjectDeletion()
                .events("messages")
                .eventProjectId("workspace_id")
                .payload("headers", "body")
                .withoutEventDeletion()
                .deliveries("attempts")
                .deliveryProjectId("workspace_id")
                .deliveryEventId("message_id")
                .deliveredStatuses("delivered", "acknowledged")
                .build();

        PostgresUsage.installIndexes(dataSource, mapping); // once, at deployment; blocks no writes

        try (UsageService usage = UsageService.builder(PostgresUsage.calculator(dataSource, mapping))
                .build()) {
            System.out.println(usage.get("account-7", UsagePeriod.day(LocalDate.of(2026, 3, 17))));
        }
        // end::quote
    }
}
