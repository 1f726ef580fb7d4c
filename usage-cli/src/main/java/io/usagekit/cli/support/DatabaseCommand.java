package io.usagekit.cli.support;

import io.usagekit.postgres.TableMapping;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** What works on the tables of a schema. */
@Command(mixinStandardHelpOptions = true, versionProvider = Version.class)
public abstract class DatabaseCommand implements Callable<Integer> {

    @Spec
    private @Nullable CommandSpec spec;

    @Mixin
    private DatabaseOptions database = new DatabaseOptions();

    protected final PrintWriter out() {
        return Specs.out(spec);
    }

    protected final PrintWriter err() {
        return Specs.err(spec);
    }

    protected final DatabaseOptions database() {
        return database;
    }

    protected final String schema() {
        return database.schemaOr(TableMapping.DEFAULT_SCHEMA);
    }
}
