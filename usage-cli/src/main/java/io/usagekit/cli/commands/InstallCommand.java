package io.usagekit.cli.commands;

import io.usagekit.cli.support.DatabaseOptions;
import io.usagekit.cli.support.Prerequisites;
import io.usagekit.cli.support.RetainIdsOption;
import io.usagekit.cli.support.Specs;
import io.usagekit.cli.support.Version;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.events.PostgresLedger;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.postgresql.ds.PGSimpleDataSource;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Creates the library's own tables, or prints how. */
@Command(
        name = "install",
        description = "Creates the library's own tables, those of the event ledger included, in a schema (default: "
                + TableMapping.DEFAULT_SCHEMA + "), where they are missing; blocks no writes for long.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
public final class InstallCommand implements Callable<Integer> {

    @Spec
    private @Nullable CommandSpec spec;

    @Mixin
    private DatabaseOptions database = new DatabaseOptions();

    @Mixin
    private RetainIdsOption retainIds = new RetainIdsOption();

    @Option(names = "--print", description = "Prints the DDL instead, for psql, Flyway or Liquibase.")
    private boolean print;

    @Override
    public Integer call() {
        PrintWriter out = Specs.out(spec);
        String schema = database.schemaOr(TableMapping.DEFAULT_SCHEMA);
        if (print) {
            out.println(ledger(DatabaseOptions.connectingTo("jdbc:postgresql:nowhere"), schema)
                    .ddl()
                    .stripTrailing());
        } else {
            PGSimpleDataSource dataSource = database.dataSource();
            Prerequisites.noOtherTables(dataSource, schema);
            ledger(dataSource, schema).install();
            out.println("The tables are in schema " + schema + ".");
        }
        return ExitCode.OK;
    }

    private PostgresLedger ledger(DataSource dataSource, String schema) {
        return retainIds.ledger(PostgresLedger.builder(dataSource).schema(schema));
    }
}
