package io.usagekit.cli.commands;

import io.usagekit.cli.support.UsageTables;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import java.io.PrintWriter;
import java.util.List;
import javax.sql.DataSource;
import picocli.CommandLine.Option;

/** The option of commands that delete old rows together with rows of other tables. */
final class DependantOptions {

    @Option(
            names = "--delete-dependants",
            paramLabel = "TABLE",
            split = ",",
            description =
                    "Also deletes rows of this table that refer to deleted ones by a foreign key: TABLE of the same schema, or"
                            + " SCHEMA.TABLE. May be given several times.")
    private List<String> tables = List.of();

    /** The roll-ups whose retention deletes rows of these tables, too. */
    PostgresRollups rollups(DataSource dataSource, TableMapping mapping) {
        return PostgresRollups.builder(dataSource)
                .mapping(mapping)
                .deleteDependants(tables.toArray(String[]::new))
                .build();
    }

    /** Prints how many rows of these tables were deleted, unless none were. */
    static void print(long rows, PrintWriter out) {
        if (rows > 0) {
            out.println(UsageTables.grouped(rows) + " rows that referred to them are gone, too.");
        }
    }
}
