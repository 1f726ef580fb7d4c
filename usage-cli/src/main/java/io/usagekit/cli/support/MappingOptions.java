package io.usagekit.cli.support;

import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Optional;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which tables and columns hold the events. */
public final class MappingOptions {

    @Option(
            names = "--mapping",
            paramLabel = "FILE",
            description = "The names of the host's tables and columns, a properties file; by default the library's own"
                    + " or a gateway's, whichever the schema holds.")
    private @Nullable Path file;

    /**
     * The tables that the file names, or those that the schema holds.
     *
     * @throws IllegalArgumentException if the file's content is out of bounds
     * @throws io.usagekit.UsageStorageException if no file is given and the schema holds neither of the known tables
     */
    public TableMapping in(DataSource dataSource, DatabaseOptions database) {
        Optional<TableMapping> named = named(database);
        if (named.isPresent()) {
            return named.get();
        }
        String schema = database.schemaOr(TableMapping.DEFAULT_SCHEMA);
        Prerequisites.tables(dataSource, schema);
        return PostgresUsage.discover(dataSource, schema);
    }

    /** The tables that the file names; empty without one. Connects to nothing. */
    public Optional<TableMapping> named(DatabaseOptions database) {
        if (file == null) {
            return Optional.empty();
        }
        try {
            return Optional.of(MappingFile.read(file, database.schema()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The commands on the same tables. */
    Commands commands(DatabaseOptions database) {
        Commands commands = Commands.on(database.schemaOr(TableMapping.DEFAULT_SCHEMA));
        return file == null ? commands : commands.with("--mapping", file.toString());
    }
}
